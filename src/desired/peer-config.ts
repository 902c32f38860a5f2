// One session of the resolution → what the speaker, the sockets and `resolve` each need to know of it.

import {
  type Address,
  type Family,
  familyOfAddress,
  isLinkLocal,
  type PeerConfig,
  type PeerId,
  type Policy,
  REJECT_ALL,
  type Term,
} from 'bgp-utils';
import { compileFilter } from '../calico/filters.ts';
import type { ResolvedPeer } from '../calico/peers.ts';
import type { BgpFilter, Problem } from '../calico/resources.ts';
import { BGP_PORT } from '../calico/snapshot.ts';
import {
  ADD_PATHS,
  type Annotated,
  annotation,
  CONNECT_RETRY,
  DELAY_OPEN,
  ENFORCE_FIRST_AS,
  EXTENDED_MESSAGES,
  HOLD_TIME,
  INTERFACE,
  LONG_LIVED_STALE_TIME,
  MAX_PREFIXES,
  MULTIHOP_TTL,
  PASSIVE,
  REQUIRE_POLICY,
  ROLE_SETTING,
  SOURCE_ADDRESS,
  TCP_USER_TIMEOUT,
} from './annotations.ts';
import { familyLabel, type ResolutionPeer } from './resolution.ts';

/** What TCP needs of a session and BGP does not. */
export interface PeerTransport {
  /** Key for TCP MD5 signatures (RFC 2385): never shown, never logged. */
  readonly password: string | undefined;
  /** Sent. */
  readonly ttl: number;
  /** Lower ones are dropped (RFC 5082); undefined accepts all. */
  readonly minTtl: number | undefined;
  /** The interface that its packets come and go by; undefined is any. */
  readonly device: string | undefined;
  /** For how long what we sent may stay unacknowledged; 0 leaves it to the kernel. */
  readonly userTimeoutMs: number;
}

const DEFAULT_HOLD_SECONDS = 90;
const DEFAULT_RESTART_SECONDS = 120;
/** Restart Time is a field of 12 bits (RFC 4724 §3). */
const MAX_RESTART_SECONDS = 4095;
const CONNECT_RETRY_SECONDS = 5;
const CONNECT_RETRY_MAX_SECONDS = 60;
const DEFAULT_TTL = 64;
/** Above the send hold timer (RFC 9687 §5: eight minutes or twice the hold time), which says why it ends a session. */
const USER_TIMEOUT_SECONDS = 600;
/** TCP_MD5SIG_MAXKEYLEN of Linux. */
const MAX_PASSWORD_OCTETS = 80;

/** What all sessions of a node are made from. */
export interface PeerContext {
  /** The value of `secretKeyRef {name, key}`. */
  readonly secrets: (name: string, key: string) => string | undefined;
  readonly filters: readonly BgpFilter[];
  /** What follows the filters in every export policy. */
  readonly exportTerms: Readonly<Record<Family, readonly Term[]>>;
  /** Where annotations for all sessions stand, nearest first. */
  readonly places: readonly Annotated[];
  readonly report: (problem: Problem) => void;
}

export interface BuiltPeer {
  readonly shown: ResolutionPeer;
  readonly config: PeerConfig;
  readonly transport: PeerTransport;
}

/** Makes the three views of each session; equal policies are one object. */
export class PeerBuilder {
  readonly #context: PeerContext;
  readonly #filters: ReadonlyMap<string, BgpFilter>;
  readonly #policies = new Map<string, Policy>();

  constructor(context: PeerContext) {
    this.#context = context;
    this.#filters = new Map(context.filters.map((filter) => [filter.name, filter]));
  }

  build(peer: ResolvedPeer): BuiltPeer {
    const { family, resource } = peer;
    const near = peer.bgpPeer
      ? [{ resource, annotations: peer.bgpPeer.annotations }, ...this.#context.places]
      : this.#context.places;
    const filters = this.#filtersOf(peer);
    const importFilters = filters.filter((filter) => filter.import[family].length > 0);
    const exportFilters = filters.filter((filter) => filter.export[family].length > 0);
    const password = this.#password(peer);
    // A workload connects to its host, and a range holds addresses that nobody knows: neither can be connected to.
    const waits = peer.type === 'workload' || peer.range !== undefined;
    const passive = waits || annotation(PASSIVE, near, peer.passive, this.#context.report);
    const connectRetrySeconds = annotation(CONNECT_RETRY, near, CONNECT_RETRY_SECONDS, this.#context.report);
    const gracefulRestartSeconds = this.#restartSeconds(peer);
    const requirePolicy = annotation(REQUIRE_POLICY, near, false, this.#context.report);
    const sourceAddress = this.#sourceAddress(peer, near);
    const holdTimeSeconds = annotation(HOLD_TIME, near, DEFAULT_HOLD_SECONDS, this.#context.report);
    const ttl = annotation(MULTIHOP_TTL, near, DEFAULT_TTL, this.#context.report);
    const userTimeoutSeconds = annotation(
      TCP_USER_TIMEOUT,
      near,
      Math.max(USER_TIMEOUT_SECONDS, 3 * holdTimeSeconds),
      this.#context.report,
    );
    const external = peer.localAsNumber !== peer.asNumber;
    const config: PeerConfig = {
      peer: (peer.range as string as PeerId | undefined) ?? peerId(peer.address, peer.port),
      range: peer.range,
      address: peer.address,
      port: peer.port,
      localAddress: sourceAddress,
      ...(peer.globalAddress === undefined ? {} : { globalAddress: peer.globalAddress }),
      localAs: peer.localAsNumber,
      remoteAs: peer.asNumber,
      families: [family],
      addPaths: annotation(ADD_PATHS, near, 'receive', this.#context.report),
      passive,
      holdTimeSeconds,
      keepaliveSeconds: peer.keepaliveSeconds,
      connectRetrySeconds,
      delayOpenSeconds: annotation(DELAY_OPEN, near, 0, this.#context.report),
      connectRetryMaxSeconds: Math.max(CONNECT_RETRY_MAX_SECONDS, connectRetrySeconds),
      gracefulRestartSeconds,
      routeReflectorClient: peer.routeReflectorClient,
      nextHop: peer.nextHop,
      allowLocalAs: peer.allowLocalAs,
      requirePolicy,
      enforceFirstAs: annotation(ENFORCE_FIRST_AS, near, false, this.#context.report),
      importPolicy: this.#policy('import', family, importFilters),
      exportPolicy:
        requirePolicy && external && exportFilters.length === 0
          ? REJECT_ALL // what is built in is no policy that anyone wrote for this peer (RFC 8212)
          : this.#policy('export', family, exportFilters),
      extendedMessages: annotation(EXTENDED_MESSAGES, near, true, this.#context.report),
      longLivedStaleSeconds: annotation(LONG_LIVED_STALE_TIME, near, 0, this.#context.report),
      role: annotation(ROLE_SETTING, near, undefined, this.#context.report),
      maxPrefixes: annotation(MAX_PREFIXES, near, undefined, this.#context.report),
      leaf: peer.type === 'workload',
      heldBack: password.heldBack,
    };
    const shown: ResolutionPeer = {
      address: peer.range ?? peer.address,
      port: peer.port,
      family: familyLabel(family),
      type: peer.type,
      resource,
      asNumber: peer.asNumber,
      localAsNumber: peer.localAsNumber,
      passive,
      sourceAddress: sourceAddress ?? null,
      routeReflectorClient: peer.routeReflectorClient,
      clusterId: peer.clusterId ?? null,
      nextHop: peer.nextHop,
      multihop: peer.ttlSecurityHops === undefined ? ttl : null,
      ttlSecurityHops: peer.ttlSecurityHops ?? null,
      gracefulRestartSeconds,
      keepaliveSeconds: peer.keepaliveSeconds ?? null,
      password: password.shown,
      allowLocalAs: peer.allowLocalAs,
      reachableBy: peer.reachableBy ?? null,
      importFilters: importFilters.map(({ name }) => name),
      exportFilters: exportFilters.map(({ name }) => name),
    };
    const transport = {
      password: password.key,
      ...ttls(peer, ttl),
      device: annotation(INTERFACE, near, undefined, this.#context.report),
      userTimeoutMs: Math.round(userTimeoutSeconds * 1000),
    };
    return { shown, config, transport };
  }

  /** Of another family than the peer it would be of no use. */
  #sourceAddress(peer: ResolvedPeer, near: readonly Annotated[]): Address | undefined {
    const wanted = annotation(SOURCE_ADDRESS, near, undefined, this.#context.report);
    if (wanted === undefined || peer.type === 'workload') return peer.sourceAddress;
    const linkLocal = isLinkLocal(peer.address);
    if (familyOfAddress(wanted) === peer.family && !linkLocal) return wanted;
    const why = linkLocal
      ? `the session with ${peer.address} is between link-local addresses`
      : `${wanted} is not of the family of the peer ${peer.address}`;
    this.#context.report({
      resource: peer.resource,
      field: `metadata.annotations[${SOURCE_ADDRESS.name}]`,
      message: `${why}; it is ignored there`,
    });
    return peer.sourceAddress;
  }

  /** Filters that do not exist are skipped, as Calico does, and told. */
  #filtersOf(peer: ResolvedPeer): BgpFilter[] {
    return peer.filters.flatMap((name, index) => {
      const filter = this.#filters.get(name);
      if (filter !== undefined) return filter;
      this.#context.report({
        resource: peer.resource,
        field: `spec.filters[${index}]`,
        message: `BGPFilter/${name} does not exist or is refused, so it is skipped: create or correct it, or take it off the list`,
      });
      return [];
    });
  }

  #policy(direction: 'import' | 'export', family: Family, filters: readonly BgpFilter[]): Policy {
    const key = [direction, family, ...filters.map(({ name }) => name)].join(' ');
    let policy = this.#policies.get(key);
    if (policy === undefined) {
      const terms = filters.flatMap((filter) => compileFilter(filter, direction, family));
      policy =
        direction === 'import'
          ? { terms, otherwise: 'accept' }
          : { terms: [...terms, ...this.#context.exportTerms[family]], otherwise: 'reject' };
      this.#policies.set(key, policy);
    }
    return policy;
  }

  /** Calico brings a session up without the password that it does not find. Here it stays down, and says so. */
  #password(peer: ResolvedPeer): {
    shown: ResolutionPeer['password'];
    key: string | undefined;
    heldBack: string | undefined;
  } {
    const ref = peer.password;
    if (ref === undefined) return { shown: 'none', key: undefined, heldBack: undefined };
    if (ref === 'unusable')
      // told where it was read
      return { shown: 'missing', key: undefined, heldBack: 'the password is given without "name" and "key"' };
    const key = this.#context.secrets(ref.name, ref.key);
    const octets = key === undefined ? 0 : Buffer.byteLength(key);
    if (key !== undefined && octets > 0 && octets <= MAX_PASSWORD_OCTETS)
      return { shown: 'set', key, heldBack: undefined };
    const what = `password ${ref.name}/${ref.key}`;
    const tooLong = octets > MAX_PASSWORD_OCTETS;
    const why = tooLong ? `is longer than ${MAX_PASSWORD_OCTETS} octets` : 'is missing';
    const [resource, field] =
      peer.type === 'mesh'
        ? ['BGPConfiguration/default', 'spec.nodeMeshPassword']
        : [peer.resource, 'spec.password'];
    const file = `the file ${ref.name}/${ref.key} of the secrets folder (--secrets-dir)`;
    const next = tooLong ? `agree with the peer on a shorter one for ${file}` : `put it into ${file}`;
    this.#context.report({
      resource,
      field,
      message: `${what} ${why}, so the session is held back: ${next}`,
    });
    return { shown: 'missing', key: undefined, heldBack: `${what} ${why}` };
  }

  #restartSeconds(peer: ResolvedPeer): number {
    const seconds = peer.maxRestartSeconds ?? DEFAULT_RESTART_SECONDS;
    if (seconds <= MAX_RESTART_SECONDS) return seconds;
    const [resource, field] =
      peer.type === 'mesh'
        ? ['BGPConfiguration/default', 'spec.nodeMeshMaxRestartTime']
        : [peer.resource, 'spec.maxRestartTime'];
    const message = `${seconds} s do not fit into the capability (RFC 4724): ${MAX_RESTART_SECONDS} s are announced`;
    this.#context.report({ resource, field, message });
    return MAX_RESTART_SECONDS;
  }
}

/** `ttlSecurity: n` sends 255 and accepts nothing below 256 − n (RFC 5082). */
const ttls = ({ ttlSecurityHops }: ResolvedPeer, ttl: number): Pick<PeerTransport, 'ttl' | 'minTtl'> =>
  ttlSecurityHops === undefined ? { ttl, minTtl: undefined } : { ttl: 255, minTtl: 256 - ttlSecurityHops };

/** The address alone, and with the port where it is not 179: "10.0.0.2", "10.0.0.2:1790", "[fd00::2]:1790". */
export function peerId(address: Address, port: number): PeerId {
  const host = port !== BGP_PORT && address.includes(':') ? `[${address}]` : address;
  return (port === BGP_PORT ? host : `${host}:${port}`) as PeerId;
}
