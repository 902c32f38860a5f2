// Attribute sets and candidates for tests of the tables, and a listener at the far end of a session.

import {
  address,
  decodeMessage,
  type Family,
  Framer,
  type NlriBlock,
  NlriCursor,
  type Origin,
  type PathAttributes,
  type PathId,
  type Prefix,
  prefixFromWords,
  type Update,
  type WireContext,
} from 'bgp-utils';
import { AttributePool } from '../../bgp/src/rib/attribute-pool.ts';
import type { Candidate } from '../../bgp/src/rib/decision.ts';

export const sequence = (...asNumbers: number[]): PathAttributes['asPath'] =>
  asNumbers.length === 0 ? [] : [{ type: 'AS_SEQUENCE', asNumbers }];

/** Six sets that differ in one attribute each. */
export const ATTRIBUTES: readonly PathAttributes[] = [
  {},
  { origin: 1 as const },
  { localPref: 200 },
  { multiExitDisc: 5 },
  { communities: [0xfc000064] },
  { asPath: sequence(65001, 65002) },
].map((changes) => ({
  origin: 0 as const,
  asPath: sequence(65001),
  localPref: 100,
  nextHop: { address: address('10.0.0.9') },
  ...changes,
}));

export interface CandidateFacts {
  readonly kind?: Candidate['kind'];
  readonly localPref?: number;
  readonly asPath?: readonly number[] | PathAttributes['asPath'];
  readonly origin?: Origin;
  readonly multiExitDisc?: number | undefined;
  readonly interiorCost?: number;
  readonly bgpIdentifier?: string;
  readonly clusterList?: number;
  readonly peerAddress?: string;
  readonly pathId?: number;
  readonly yieldsAbove?: number;
}

const pool = new AttributePool();

/** A candidate that ties with every other in all that is not given. */
export function candidate(facts: CandidateFacts): Candidate {
  const { asPath = [65001], multiExitDisc, clusterList = 0 } = facts;
  const path = asPath.map((part) => (typeof part === 'number' ? sequence(part)[0]! : part));
  const numbers = asPath.filter((part) => typeof part === 'number');
  const attributes: PathAttributes = {
    origin: facts.origin ?? 0,
    asPath: numbers.length === asPath.length ? sequence(...numbers) : path,
    localPref: facts.localPref ?? 100,
    nextHop: { address: address('10.0.0.9') },
    ...(multiExitDisc === undefined ? {} : { multiExitDisc }),
    ...(clusterList === 0
      ? {}
      : { clusterList: Array.from({ length: clusterList }, (_, i) => address(`1.1.1.${i + 1}`)) }),
  };
  return {
    path: 0 as PathId,
    set: pool.view(pool.intern(attributes)),
    kind: facts.kind ?? 'external',
    interiorCost: facts.interiorCost ?? 0,
    bgpIdentifier: address(facts.bgpIdentifier ?? '10.0.0.1'),
    peerAddress: address(facts.peerAddress ?? '10.0.1.1'),
    pathId: facts.pathId ?? 0,
    yieldsAbove: facts.yieldsAbove,
  };
}

/** What somebody makes of the UPDATEs that come to it: the routes that it has been told. */
export class Listener {
  readonly routes = new Map<Prefix, PathAttributes>();
  /** Families in the order in which their End-of-RIB came, each with the number of routes at that time. */
  readonly endOfRib: { readonly family: Family; readonly routes: number }[] = [];
  messages = 0;
  private readonly framer = new Framer();
  private readonly cursor = new NlriCursor();

  constructor(private readonly context: WireContext) {}

  /** @throws when the octets are no messages that a peer would accept: nothing here sends others. */
  receive(octets: Uint8Array): void {
    this.framer.push(octets);
    for (;;) {
      const framed = this.framer.next(this.context.maxMessageOctets);
      if (framed === undefined) return;
      if (framed.kind === 'error') throw new Error(`invariant: sent ${JSON.stringify(framed.error)}`);
      const decoded = decodeMessage(framed, this.context);
      if (!decoded.ok) throw new Error(`invariant: sent ${JSON.stringify(decoded.error)}`);
      this.messages++;
      if (decoded.message.type === 'Update') this.update(decoded.message);
    }
  }

  private update(update: Update): void {
    if (update.findings.length > 0) throw new Error(`invariant: sent ${JSON.stringify(update.findings)}`);
    for (const nlri of update.withdrawn) for (const at of this.prefixes(nlri)) this.routes.delete(at);
    for (const { nlri, nextHop } of update.announced) {
      for (const at of this.prefixes(nlri)) this.routes.set(at, { ...update.attributes!, nextHop });
    }
    if (update.endOfRib !== undefined)
      this.endOfRib.push({ family: update.endOfRib, routes: this.routes.size });
  }

  private prefixes(nlri: NlriBlock): Prefix[] {
    const { cursor } = this;
    const all: Prefix[] = [];
    for (cursor.reset(nlri); cursor.next(); )
      all.push(prefixFromWords(nlri.family, cursor.length, cursor.w0, cursor.w1, cursor.w2, cursor.w3));
    return all;
  }
}
