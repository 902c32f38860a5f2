// The far end of one connection of a fuzzed speaker: opens the session, reads all that it is sent by what the two OPENs agree on,
// and keeps the table that it is told. It works the agreement out by itself, so that a difference of opinion is found.

import {
  type Capability,
  type ConnectionId,
  decodeMessage,
  FAMILIES,
  type Family,
  Framer,
  familyOf,
  INITIAL_CONTEXT,
  type Message,
  type Open,
  type PathAttributes,
  type Update,
  type WireContext,
} from 'bgp-utils';
import { formatHex } from 'bgp-utils/testing';
import { prefixesOf } from '../vectors/load.ts';
import { fail } from './codec.ts';
import type { PeerPlan } from './plan.ts';

export class Far {
  /** Undefined until the speaker's OPEN has come. */
  context: WireContext | undefined;
  /** By family and entry, a path identifier among it. */
  readonly table = new Map<string, PathAttributes>();
  said = false;
  ended = false;
  private readonly framer = new Framer();

  constructor(
    readonly connection: ConnectionId,
    readonly peer: number,
    private readonly plan: PeerPlan,
  ) {}

  /** @returns the messages; each has to be without a fault. */
  read(octets: Uint8Array): Message[] {
    const messages: Message[] = [];
    this.framer.push(octets);
    for (;;) {
      const framed = this.framer.next(this.context?.maxMessageOctets ?? INITIAL_CONTEXT.maxMessageOctets);
      if (framed === undefined) return messages;
      if (framed.kind === 'error') return fail(`we send no message: ${formatHex(octets)}`);
      const decoded = decodeMessage(framed, this.context ?? INITIAL_CONTEXT);
      if (!decoded.ok)
        return fail(
          `we send what deserves ${decoded.error.code}/${decoded.error.subcode}: ${formatHex(octets)}`,
        );
      const { message } = decoded;
      if (message.type === 'Open') this.context = agreement(message, this.plan);
      if (message.type === 'Update') this.update(message, octets);
      messages.push(message);
    }
  }

  private update(update: Update, octets: Uint8Array): void {
    if (update.findings.length > 0 || update.treatAsWithdraw)
      return fail(`we send an UPDATE with a fault, ${JSON.stringify(update.findings)}: ${formatHex(octets)}`);
    for (const block of update.withdrawn)
      for (const entry of prefixesOf(block)) this.table.delete(`${block.family} ${entry}`);
    for (const { nlri, nextHop } of update.announced)
      for (const entry of prefixesOf(nlri))
        this.table.set(`${nlri.family} ${entry}`, { ...update.attributes!, nextHop });
  }

  /** Prefixes that it was told, one entry for each path. */
  told(family: Family): string[] {
    return [...this.table.keys()]
      .flatMap((key) => (key.startsWith(`${family} `) ? key.slice(key.lastIndexOf(' ') + 1) : []))
      .sort();
  }
}

/** RFC 4760 §8, 5492, 6793, 7911 §4, 8654 §4, 8950 §4, as the far end reads them. */
function agreement(open: Open, plan: PeerPlan): WireContext {
  const ours = open.capabilities;
  // who sends none was refused with some, and does not expect any (RFC 5492 §3)
  const theirs = ours.length === 0 ? [] : plan.capabilities;
  const both = (name: Capability['name']) =>
    [ours, theirs].every((list) => list.some((capability) => capability.name === name));
  const families = (list: readonly Capability[]): readonly (Family | undefined)[] => {
    const named = list.flatMap((each) =>
      each.name === 'Multiprotocol' ? familyOf(each.afi, each.safi) : [],
    );
    return list.some(({ name }) => name === 'Multiprotocol') ? named : ['ipv4'];
  };
  const common = FAMILIES.filter(
    (family) => families(ours).includes(family) && families(theirs).includes(family),
  );
  const adds = (list: readonly Capability[], direction: 'send' | 'receive') => (family: Family) =>
    list
      .flatMap((each) => (each.name === 'AddPath' ? each.families : []))
      .find(({ afi, safi }) => familyOf(afi, safi) === family)?.[direction] === true;
  return {
    asOctets: both('FourOctetAs') ? 4 : 2,
    maxMessageOctets: both('ExtendedMessage') ? 65_535 : 4_096,
    families: common,
    addPathReceive: common.filter((family) => adds(ours, 'send')(family) && adds(theirs, 'receive')(family)),
    addPathSend: common.filter((family) => adds(ours, 'receive')(family) && adds(theirs, 'send')(family)),
    extendedNextHop: both('ExtendedNextHop'),
    peerType: plan.config.localAs === plan.asNumber ? 'internal' : 'external',
  };
}
