// A policy, asked for one route.

import {
  addressWords,
  familyOfPrefix,
  type Policy,
  type PrefixWords,
  prefix,
  prefixAddress,
  prefixLength,
} from 'bgp-utils';
import { compilePolicy, type Verdict } from '../../bgp/src/policy/evaluate.ts';
import type { RouteFacts } from '../../bgp/src/policy/match.ts';

export const wordsOf = (text: string): PrefixWords => {
  const at = prefix(text);
  const [w0, w1, w2, w3] = addressWords(prefixAddress(at));
  return { family: familyOfPrefix(at), length: prefixLength(at), w0, w1, w2, w3 };
};

/** A route from an internal peer, on an internal session, with an empty path and nothing else. */
export const factsOf = (facts: Partial<RouteFacts> = {}): RouteFacts => ({
  attributes: { origin: 0, asPath: [] },
  source: 'internal',
  fromPeer: undefined,
  peerType: 'internal',
  interface: undefined,
  ...facts,
});

export const evaluatePolicy = (policy: Policy, at: string, facts: Partial<RouteFacts> = {}): Verdict => ({
  ...compilePolicy(policy).prepare(factsOf(facts)).evaluate(wordsOf(at)),
});
