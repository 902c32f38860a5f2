// Thousands of peers share a handful of policies: each is compiled once, and is forgotten with the last that has it.

import { exportPolicy, importPolicy } from './built-in.ts';
import { type CompiledPolicy, compilePolicy } from './evaluate.ts';
import type { Policy } from './policy.ts';

type Direction = 'import' | 'export';

/** Plain policies and such of peers that need one (RFC 8212), by direction. */
type Forms = Partial<Record<`${Direction} ${boolean}`, CompiledPolicy>>;

const BUILT_IN = { import: importPolicy, export: exportPolicy } as const;

/** Knows policies by identity: who changes one hands in another object. */
export class CompiledPolicies {
  readonly #known = new WeakMap<Policy, Forms>();

  /** With what is built in. @param required  without a policy of its own the peer hears, or tells, nothing. */
  of(direction: Direction, policy: Policy, required: boolean): CompiledPolicy {
    let forms = this.#known.get(policy);
    if (forms === undefined) {
      forms = {};
      this.#known.set(policy, forms);
    }
    forms[`${direction} ${required}`] ??= compilePolicy(BUILT_IN[direction](policy, required));
    return forms[`${direction} ${required}`]!;
  }
}
