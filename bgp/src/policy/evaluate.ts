// (policy, route) → accept or reject, what to change, and the term that decided. Done in two steps, so that a prefix costs a
// few comparisons of words: `prepare` asks what an attribute set and its source alone decide and leaves the terms that
// may hold; `evaluate` asks those for the prefix. Which actions apply is answered with one and the same array object
// for the same terms, so that callers can remember what the actions made of an attribute set.

import type { PrefixWords } from '../route/route.ts';
import { applyActions, changes } from './actions.ts';
import {
  type FactCondition,
  factCondition,
  type PrefixCondition,
  prefixCondition,
  type RouteFacts,
} from './match.ts';
import type { Action, Policy, Term } from './policy.ts';

export interface Verdict {
  readonly accepted: boolean;
  /** Name of the term that decided; undefined when none did. */
  readonly term: string | undefined;
  /** Changes to make, in order; the same object for the same terms. */
  readonly actions: readonly Action[];
}

/** What is left of a policy once all but the prefix of a route is known. */
export interface PreparedPolicy {
  /** @returns a verdict object that may be shared: do not keep it as a key, keep its `actions`. */
  evaluate(prefix: PrefixWords): Verdict;
  /** Every prefix is accepted as it is: `evaluate` need not be asked. */
  readonly acceptsAll: boolean;
}

export interface CompiledPolicy {
  readonly policy: Policy;
  /** Equal policies have equal texts. */
  readonly text: string;
  /** A verdict may depend on the interface of a next hop, so it is to be asked again when that changes. */
  readonly usesInterface: boolean;
  prepare(facts: RouteFacts): PreparedPolicy;
}

interface CompiledTerm {
  readonly index: number;
  readonly term: Term;
  readonly prefix: PrefixCondition | undefined;
  readonly facts: FactCondition | undefined;
  /** Goes on, and a later term looks at what this one's actions change. */
  readonly preparesAnew: boolean;
}

/** The actions of the terms that matched so far, as a tree: the same way down ends at the same array. */
interface Chain {
  readonly actions: readonly Action[];
  readonly longer: Map<number, Chain>;
}

/** Lists of terms that hold for some set of attributes, kept to be shared. */
const MAX_PLANS = 256;

export function compilePolicy(policy: Policy): CompiledPolicy {
  const compiled = new Compiled(policy);
  let text: string | undefined;
  return {
    policy,
    get text() {
      text ??= JSON.stringify(policy);
      return text;
    },
    usesInterface: policy.terms.some(({ match }) => match.interfaces !== undefined),
    prepare: (facts) => {
      const plan = compiled.plan(0, facts);
      return plan.length === 0 && compiled.whenNone.acceptsAll
        ? compiled.whenNone
        : new Prepared(compiled, plan, facts, compiled.start);
    },
  };
}

class Compiled {
  readonly start: Chain = { actions: [], longer: new Map() };
  readonly terms: readonly CompiledTerm[];
  readonly verdict = { accepted: false, term: undefined as string | undefined, actions: this.start.actions };
  private readonly plans = new Map<string, readonly CompiledTerm[]>();
  /** The same for as many terms as a number has bits. */
  private readonly plansByBits = new Map<number, readonly CompiledTerm[]>();
  /** What holds where no term is left: it needs no facts. */
  readonly whenNone: PreparedPolicy;

  constructor(readonly policy: Policy) {
    this.terms = policy.terms.map((term, index) => ({
      index,
      term,
      prefix: prefixCondition(term.match),
      facts: factCondition(term.match),
      preparesAnew:
        term.verdict === 'next' &&
        policy.terms
          .slice(index + 1)
          .some(({ match }) => term.actions.some((action) => match[changes(action)] !== undefined)),
    }));
    this.whenNone = {
      acceptsAll: policy.otherwise === 'accept',
      evaluate: () => answer(this.verdict, policy.otherwise, undefined, this.start),
    };
  }

  /** The terms from an index on whose conditions hold, those on the prefix aside. Few different ones, so they are shared. */
  plan(from: number, facts: RouteFacts): readonly CompiledTerm[] {
    if (from === 0 && this.terms.length <= 30) return this.quickPlan(facts);
    let key = `${from}`;
    for (let i = from; i < this.terms.length; i++) {
      if (this.terms[i]!.facts?.(facts) === false) key += ` ${i}`;
    }
    let plan = this.plans.get(key);
    if (plan === undefined) {
      const missing = new Set(key.split(' ').slice(1).map(Number));
      plan = this.terms.filter(({ index }) => index >= from && !missing.has(index));
      if (this.plans.size >= MAX_PLANS) this.plans.clear();
      this.plans.set(key, plan);
    }
    return plan;
  }

  private quickPlan(facts: RouteFacts): readonly CompiledTerm[] {
    let bits = 0;
    for (let i = 0; i < this.terms.length; i++) if (this.terms[i]!.facts?.(facts) !== false) bits |= 1 << i;
    let plan = this.plansByBits.get(bits);
    if (plan === undefined) {
      plan = this.terms.filter(({ index }) => (bits & (1 << index)) !== 0);
      if (this.plansByBits.size >= MAX_PLANS) this.plansByBits.clear();
      this.plansByBits.set(bits, plan);
    }
    return plan;
  }
}

class Prepared implements PreparedPolicy {
  readonly acceptsAll: boolean;
  private later: Map<Chain, Prepared> | undefined;

  constructor(
    private readonly compiled: Compiled,
    private readonly plan: readonly CompiledTerm[],
    private readonly facts: RouteFacts,
    private readonly chain: Chain,
  ) {
    this.acceptsAll =
      plan.length === 0 && chain.actions.length === 0 && compiled.policy.otherwise === 'accept';
  }

  evaluate(prefix: PrefixWords): Verdict {
    const { verdict, policy } = this.compiled;
    let { chain } = this;
    for (let i = 0; i < this.plan.length; i++) {
      const compiled = this.plan[i]!;
      if (compiled.prefix?.(prefix) === false) continue;
      const { term } = compiled;
      if (term.actions.length > 0) chain = extend(chain, compiled);
      if (compiled.preparesAnew) return this.after(compiled, chain).evaluate(prefix);
      if (term.verdict === 'next') continue;
      return answer(verdict, term.verdict, term.name, chain);
    }
    return answer(verdict, policy.otherwise, undefined, chain);
  }

  private after({ index, term }: CompiledTerm, chain: Chain): Prepared {
    this.later ??= new Map();
    let next = this.later.get(chain);
    if (next === undefined) {
      const { source, fromPeer, peerType, interface: by } = this.facts;
      const attributes = applyActions(this.facts.attributes, term.actions);
      const facts: RouteFacts = { attributes, source, fromPeer, peerType, interface: by };
      next = new Prepared(this.compiled, this.compiled.plan(index + 1, facts), facts, chain);
      this.later.set(chain, next);
    }
    return next;
  }
}

function answer(
  verdict: { -readonly [K in keyof Verdict]: Verdict[K] },
  decision: 'accept' | 'reject',
  term: string | undefined,
  { actions }: Chain,
): Verdict {
  verdict.accepted = decision === 'accept';
  verdict.term = term;
  verdict.actions = actions;
  return verdict;
}

function extend(chain: Chain, { index, term }: CompiledTerm): Chain {
  let next = chain.longer.get(index);
  if (next === undefined) {
    next = { actions: [...chain.actions, ...term.actions], longer: new Map() };
    chain.longer.set(index, next);
  }
  return next;
}
