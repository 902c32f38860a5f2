// A client of the package etcd3 for one member of the cluster: endpoints by name or by SRV records, TLS, user and password,
// deadlines; and what its errors mean. Which member is used, and when the next one is tried, is etcd.ts.

import { resolveSrv } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import type { Etcd3, IOptions } from 'etcd3';
import { type DatastoreError, failure, type Result } from './datastore.ts';

export interface EtcdSettings {
  /** URLs: http://127.0.0.1:2379, https://[fd00::1]:2379. */
  readonly endpoints: readonly string[];
  /** In place of endpoints: the domain whose `_etcd-client-ssl._tcp` or `_etcd-client._tcp` records name them. */
  readonly discoverySrv?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Paths of PEM files; used with https endpoints. */
  readonly caCertFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  /** Lower ones are tried first (RFC 2782). */
  readonly priority: number;
}

/** Rejects where there are none. */
export type ResolveSrv = (name: string) => Promise<readonly SrvRecord[]>;

export const systemResolver: ResolveSrv = (name) => resolveSrv(name);

const CHANNEL_OPTIONS = {
  // A server that is stopped answers no ping: noticed after 15 s. etcd refuses pings more often than every 5 s.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 5_000,
  // Pages and fragments keep messages small, but one value alone may exceed gRPC's 4 MiB.
  'grpc.max_receive_message_length': -1,
  // As etcd's own client: a proxy for the web is not the way to the datastore.
  'grpc.enable_http_proxy': 0,
};

/**
 * The members to try, in order. Those of equal standing in an order of chance, so that a cluster's daemons spread over them.
 * @param random  0 ≤ x < 1.
 */
export async function membersOf(
  settings: EtcdSettings,
  resolve: ResolveSrv,
  random: () => number,
): Promise<Result<readonly string[]>> {
  if (settings.discoverySrv !== undefined) return discover(settings.discoverySrv, resolve, random);
  const hosts = settings.endpoints.map((endpoint) => endpoint.trim().replace(/\/+$/, ''));
  const wrong = hosts.find((host) => !/^https?:\/\/[^/]+:[0-9]+$/.test(host));
  if (hosts.length === 0 || wrong !== undefined) {
    return failure(
      'invalid',
      `etcd endpoint "${wrong ?? ''}" is not a URL like http://127.0.0.1:2379: correct ETCD_ENDPOINTS`,
    );
  }
  if (new Set(hosts.map((host) => host.startsWith('https:'))).size > 1) {
    return failure('invalid', 'etcd endpoints mix http and https: use one of them for all in ETCD_ENDPOINTS');
  }
  return { ok: true, value: shuffled(hosts, random) };
}

/** The records that etcd's own tools use. TLS where there is any, since a downgrade is nothing to fall back on. */
async function discover(
  domain: string,
  resolve: ResolveSrv,
  random: () => number,
): Promise<Result<readonly string[]>> {
  let reason = 'no such records';
  for (const [service, scheme] of [
    ['_etcd-client-ssl._tcp', 'https'],
    ['_etcd-client._tcp', 'http'],
  ] as const) {
    try {
      const records = await resolve(`${service}.${domain}`);
      if (records.length === 0) continue;
      const inOrder = shuffled(records, random).sort((a, b) => a.priority - b.priority);
      return {
        ok: true,
        value: inOrder.map(({ name, port }) => `${scheme}://${name.replace(/\.$/, '')}:${port}`),
      };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // That a name has no records is an answer; that nobody answers must not turn TLS into plain text.
      if (code !== 'ENOTFOUND' && code !== 'ENODATA') {
        reason = text(error);
        break;
      }
    }
  }
  return failure(
    'unavailable',
    `etcd discovery: _etcd-client-ssl._tcp.${domain} and _etcd-client._tcp.${domain}: ${reason}. Check ETCD_DISCOVERY_SRV and the name servers of this machine`,
  );
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const left = [...items];
  return items.map(() => left.splice(Math.floor(random() * left.length), 1)[0]!);
}

/**
 * Reads certificates anew each time, since they are renewed.
 * @param member      one of `membersOf`.
 * @param deadlineMs  for the next call, connecting included.
 */
export async function connect(
  settings: EtcdSettings,
  member: string,
  deadlineMs: () => number,
): Promise<Result<Etcd3>> {
  try {
    const { username, password } = settings;
    const options: IOptions = {
      hosts: member,
      grpcOptions: CHANNEL_OPTIONS,
      defaultCallOptions: ({ isStream }) =>
        isStream ? { interceptors: [requireLeader] } : { deadline: Date.now() + deadlineMs() },
      faultHandling: ONE_TRY,
      ...(username ? { auth: { username, password: password ?? '' } } : {}),
      ...(member.startsWith('https:') ? await tlsOptions(settings) : {}),
    };
    const { Etcd3 } = await import('etcd3'); // 22 MB and 120 ms: not paid for by those who use a file
    return { ok: true, value: new Etcd3(options) };
  } catch (error) {
    return failure('invalid', `etcd client: ${text(error)}`);
  }
}

async function tlsOptions(settings: EtcdSettings): Promise<Pick<IOptions, 'credentials'>> {
  const { caCertFile, certFile, keyFile } = settings;
  if (caCertFile === undefined) return {}; // the authorities that Node trusts
  return {
    credentials: {
      rootCertificate: await readFile(caCertFile),
      ...(certFile !== undefined && keyFile !== undefined
        ? { certChain: await readFile(certFile), privateKey: await readFile(keyFile) }
        : {}),
    },
  };
}

/**
 * Instead of the package's own policies (a breaker that stays open for 5 s): one try, and etcd.ts decides what follows.
 * Policies are objects with `execute`; their events are not used. Async, so that a throw becomes a rejection.
 */
const ONE_TRY = (() => {
  const once = { execute: async (body: () => unknown) => body() };
  return { host: () => once, global: once } as unknown as NonNullable<IOptions['faultHandling']>;
})();

type CallOptions = ReturnType<Extract<IOptions['defaultCallOptions'], (...context: never) => unknown>>;
type Interceptor = NonNullable<CallOptions['interceptors']>[number];

/** A member that is cut off from the others ends the stream then, where it would be silent for as long as that lasts. */
const requireLeader: Interceptor = (options, next) => {
  const call = next(options);
  const start = call.start.bind(call);
  call.start = (metadata, listener) => {
    metadata.set('hasleader', 'true');
    start(metadata, listener);
  };
  return call as ReturnType<Interceptor>;
};

/** gRPC's wording, without what only says that it is gRPC. */
export const text = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error))
    .replace(/\s+/g, ' ')
    .replace(/^[0-9]+ [A-Z_]+: /, '')
    .replace(/^No connection established\. (Last error: )?(Error: )?/, '')
    .replace(/\.? ?Resolution note:.*$/, '');

const REFUSED =
  /authentication failed|invalid auth token|permission denied|user name|unauthenticated|certificate/i;

/** @param name  whose error it is: "etcd http://10.0.0.5:2379". */
export function describe(error: unknown, name: string): DatastoreError {
  const message = text(error);
  if (/compacted/.test(message)) return { reason: 'compacted', message: `${name}: ${message}` };
  if (REFUSED.test(message)) {
    return {
      reason: 'refused',
      message: `${name}: ${message}. Check user, password, role (it must read /calico/) and certificates`,
    };
  }
  return {
    reason: 'unavailable',
    message: `${name}: ${message}. Is etcd running, and is the address right?`,
  };
}
