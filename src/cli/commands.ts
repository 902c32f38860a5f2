// The commands as a table: name, arguments, flags, help, and what each does. What is heavy (the daemon itself, reading the
// datastore) is handed in by main.ts as programs and loaded when used, so that `status` starts fast.

import {
  EXIT_CONFIG,
  EXIT_UNAVAILABLE,
  EXIT_USAGE,
  type RunConfig,
  readConfig,
  SETTINGS,
} from '../config/config.ts';
import type {
  ClearAnswer,
  ClearRequest,
  KernelAnswer,
  PeerAnswer,
  PeersAnswer,
  RoutesAnswer,
  StatusAnswer,
} from '../control/schema.ts';
import {
  type Call,
  CONTROL,
  EXIT_DEGRADED,
  EXIT_DOWN,
  EXIT_OK,
  fetchFrom,
  flagsOf,
  OUTPUT,
  show,
  type World,
} from './call.ts';
import { DRAIN_FLAGS, drain } from './drain.ts';
import { EVENTS_FLAGS, events } from './events.ts';
import { type Flag, misspelledVariables } from './flags.ts';
import {
  formatKernel,
  formatPeer,
  formatPeers,
  formatResolution,
  formatRoutes,
  formatStatus,
} from './format.ts';

export type { Call, Resolved, World } from './call.ts';

export interface Command {
  readonly name: string;
  /** `[PREFIX]`; '' when it takes none. */
  readonly arguments: string;
  readonly maxArguments: number;
  readonly summary: string;
  /** Paragraphs of its help. */
  readonly details: readonly string[];
  readonly flags: readonly Flag[];
  /** Variables its help lists beside its flags. */
  readonly showVariables: boolean;
  readonly examples: readonly string[];
  /** @returns the exit code. */
  readonly execute: (call: Call) => Promise<number>;
}

const { leave: LEAVE, allowIsolated: ALLOW_ISOLATED, ...READING } = SETTINGS;

export const COMMANDS: readonly Command[] = [
  {
    name: 'run',
    arguments: '',
    maxArguments: 0,
    summary: "the daemon: this node's BGP speaker",
    details: [
      'Reads the datastore, speaks BGP with the peers that it finds there and installs the routes they tell. Listen address and port, AS number and all else that Calico keeps in BGPConfiguration and Node come from there.',
      'SIGTERM stops it as a restart: peers that agreed to graceful restart get no NOTIFICATION, and kernel routes stay. With --leave, or at a second SIGTERM within 2 s, it withdraws its routes, removes them from the kernel and says Cease.',
    ],
    flags: flagsOf([...Object.values(READING), LEAVE, ALLOW_ISOLATED]),
    showVariables: true,
    examples: ['mesos-bgp run', 'mesos-bgp run --datastore file:/etc/mesos-bgp/lab.yaml --kernel none'],
    execute: async ({ flags, world }) => {
      const config = configure(flags, world);
      return config === undefined ? EXIT_CONFIG : world.run(config);
    },
  },
  {
    name: 'resolve',
    arguments: '',
    maxArguments: 0,
    summary: 'what run would do for a node, from the datastore alone',
    details: [
      'Opens no BGP socket and touches no kernel. Takes the settings of run. Exits with 1 when some resource had to be refused; all else is shown nevertheless.',
    ],
    flags: [...flagsOf(Object.values(READING)), OUTPUT],
    showVariables: true,
    examples: ['mesos-bgp resolve --node host-1', 'mesos-bgp resolve --node host-1 -o json'],
    execute: resolve,
  },
  {
    name: 'status',
    arguments: '',
    maxArguments: 0,
    summary: 'node, datastore, peers, routes and kernel at a glance',
    details: ['Exits with 0 when all is well, 1 when something wants attention, 2 when nothing is routed.'],
    flags: [OUTPUT, CONTROL],
    showVariables: true,
    examples: ['mesos-bgp status', 'mesos-bgp status -o json'],
    execute: async (call) => {
      const answer = await fetchFrom<StatusAnswer>(call, '/v1/status');
      if (typeof answer === 'number') return answer;
      await show(call, answer, () => formatStatus(answer, call.world.terminal));
      return { ok: EXIT_OK, degraded: EXIT_DEGRADED, down: EXIT_DOWN }[answer.health];
    },
  },
  {
    name: 'peers',
    arguments: '[ADDRESS]',
    maxArguments: 1,
    summary: 'sessions; one in full',
    details: [
      "Without ADDRESS a line a peer. With it all of one: both sides' capabilities, timers, counters, last error.",
    ],
    flags: [OUTPUT, CONTROL],
    showVariables: true,
    examples: ['mesos-bgp peers', 'mesos-bgp peers -o wide', 'mesos-bgp peers 10.0.0.2'],
    execute: peers,
  },
  {
    name: 'routes',
    arguments: '[PREFIX]',
    maxArguments: 1,
    summary: 'the routes, and why each is best or not',
    details: [
      'The Loc-RIB, all of it or one prefix; or what a peer told us before policy, or what we told it after policy; or the kernel. An address in place of PREFIX is the same as --longest ADDRESS.',
    ],
    flags: [
      { flag: '--received', value: 'PEER', help: 'what this peer told us, before import policy' },
      { flag: '--advertised', value: 'PEER', help: 'what we told this peer, after export policy' },
      { flag: '--kernel', value: undefined, help: 'what is in the kernel, or should be' },
      { flag: '--longest', value: 'ADDRESS', help: 'the longest prefix around this address' },
      {
        flag: '--family',
        value: 'ipv4|ipv6',
        help: 'one address family alone',
        choices: ['ipv4', 'ipv6'],
      },
      OUTPUT,
      CONTROL,
    ],
    showVariables: true,
    examples: [
      'mesos-bgp routes',
      'mesos-bgp routes 10.65.0.0/26 -o wide',
      'mesos-bgp routes --received 10.0.0.2',
      'mesos-bgp routes --kernel --longest 10.65.0.5',
    ],
    execute: routes,
  },
  {
    name: 'events',
    arguments: '',
    maxArguments: 0,
    summary: 'what happens, as it happens: the log of the running daemon',
    details: [
      'Sessions, routes that had to be kept or put right, changes of the datastore, and all else that the log says at its level, the newest of it first seen and then each line as it comes. -o json has a line of JSON each.',
    ],
    flags: EVENTS_FLAGS,
    showVariables: true,
    examples: ['mesos-bgp events', 'mesos-bgp events --once --last 100', 'mesos-bgp events -o json'],
    execute: events,
  },
  {
    name: 'drain',
    arguments: '',
    maxArguments: 0,
    summary: 'moves traffic away from this node and waits until it has moved',
    details: [
      'Every peer is told the routes that lead here as the last to use: with the community GRACEFUL_SHUTDOWN (RFC 8326) and, inside the AS, LOCAL_PREF 0. No session is reset and nothing is withdrawn, so what has no other way still comes here.',
      'Waits until the change has been handed to TCP for every peer that has a session, and no route waits to be sent; what a peer makes of it cannot be known from here. It stays in force until undrain, over restarts of the daemon too.',
      'Exits with 0 when that is so, with 1 when the timeout passed before; the drain goes on then.',
    ],
    flags: DRAIN_FLAGS,
    showVariables: true,
    examples: ['mesos-bgp drain', 'mesos-bgp drain --timeout 10 -o json'],
    execute: (call) => drain(call, true),
  },
  {
    name: 'undrain',
    arguments: '',
    maxArguments: 0,
    summary: 'takes a drain back, and waits as drain does',
    details: [
      'Every peer is told the routes as before the drain. On a node that is not drained it does nothing.',
    ],
    flags: DRAIN_FLAGS,
    showVariables: true,
    examples: ['mesos-bgp undrain'],
    execute: (call) => drain(call, false),
  },
  {
    name: 'clear',
    arguments: 'PEER',
    maxArguments: 1,
    summary: 'resets a session, or asks for its routes or sends them again',
    details: [
      'Without --soft the session ends with Cease, Administrative Reset, and comes up again at once; --reason goes to the operator on the other side (RFC 9003).',
    ],
    flags: [
      {
        flag: '--soft',
        value: 'in|out',
        help: 'keep the session: ask the peer for its routes again (in), or send it ours (out)',
        choices: ['in', 'out'],
      },
      { flag: '--reason', value: 'TEXT', help: 'why, for the peer: at most 255 octets' },
      CONTROL,
    ],
    showVariables: true,
    examples: ['mesos-bgp clear 10.0.0.2 --reason "new cable"', 'mesos-bgp clear 10.0.0.2 --soft in'],
    execute: clear,
  },
];

/** The settings of `run`, or undefined after its problems were said. */
function configure(flags: ReadonlyMap<string, string>, world: World): RunConfig | undefined {
  const result = readConfig(flags, world.env, world.host);
  if (!result.ok) {
    for (const problem of result.problems) world.say(`mesos-bgp: ${problem}`);
    return undefined;
  }
  const variables = Object.values(SETTINGS).flatMap((row) => row.variables.map(({ name }) => name));
  const warnings = [...result.config.warnings, ...misspelledVariables(world.env, variables)];
  return { ...result.config, warnings };
}

async function resolve(call: Call): Promise<number> {
  const { world } = call;
  const config = configure(call.flags, world);
  if (config === undefined) return EXIT_CONFIG;
  for (const warning of config.warnings) world.say(`mesos-bgp: ${warning}`);
  const result = await world.resolve(config);
  if (!result.ok) {
    world.say(`mesos-bgp: ${result.message}`);
    return result.reason === 'invalid' ? EXIT_CONFIG : EXIT_UNAVAILABLE;
  }
  const { resolution } = result;
  await show(call, resolution, (wide) => formatResolution(resolution, world.terminal, wide));
  return resolution.problems.length > 0 ? EXIT_DEGRADED : EXIT_OK;
}

async function peers(call: Call): Promise<number> {
  const { terminal } = call.world;
  const [name] = call.positionals;
  if (name !== undefined) {
    const peer = await fetchFrom<PeerAnswer>(call, `/v1/peers/${encodeURIComponent(name)}`);
    if (typeof peer === 'number') return peer;
    await show(call, peer, () => formatPeer(peer, terminal));
    return EXIT_OK;
  }
  const answer = await fetchFrom<PeersAnswer>(call, '/v1/peers');
  if (typeof answer === 'number') return answer;
  await show(call, answer, (wide) => formatPeers(answer.peers, terminal, wide), 'no peers are configured');
  return EXIT_OK;
}

async function routes(call: Call): Promise<number> {
  const { flags, positionals, world } = call;
  const [what] = positionals;
  const kernel = flags.has('--kernel');
  const wrong = contradiction(flags, what);
  if (wrong !== undefined) {
    world.say(`mesos-bgp: ${wrong}`);
    return EXIT_USAGE;
  }
  const query = new URLSearchParams();
  const longest = flags.get('--longest') ?? (what?.includes('/') === false ? what : undefined);
  if (longest !== undefined) query.set('longest', longest);
  else if (what !== undefined) query.set('prefix', what);
  for (const name of ['family', 'received', 'advertised']) {
    const value = flags.get(`--${name}`);
    if (value !== undefined) query.set(name, value);
  }
  const sought = longest ?? what;
  const none = `${kernel ? 'no kernel route' : 'no routes'}${sought === undefined ? '' : ` for ${sought}`}`;
  if (kernel) {
    const answer = await fetchAll<KernelAnswer>(call, '/v1/kernel', query);
    if (typeof answer === 'number') return answer;
    await show(call, answer, (wide) => formatKernel(answer, world.terminal, wide), none);
    return EXIT_OK;
  }
  const answer = await fetchAll<RoutesAnswer>(call, '/v1/routes', query);
  if (typeof answer === 'number') return answer;
  await show(call, answer, (wide) => formatRoutes(answer.routes, world.terminal, wide), none);
  return EXIT_OK;
}

/** What cannot be asked together. @returns the message. */
function contradiction(flags: ReadonlyMap<string, string>, what: string | undefined): string | undefined {
  const tables = ['--received', '--advertised', '--kernel'].filter((flag) => flags.has(flag));
  if (tables.length > 1) return `${tables.join(' and ')} exclude each other: give one`;
  if (what !== undefined && flags.has('--longest')) {
    return `${what} and --longest exclude each other: give one`;
  }
  return undefined;
}

async function clear(call: Call): Promise<number> {
  const { flags, positionals, world } = call;
  const [peer] = positionals;
  const soft = flags.get('--soft');
  const reason = flags.get('--reason');
  if (peer === undefined || (soft !== undefined && reason !== undefined)) {
    world.say(
      peer === undefined
        ? 'mesos-bgp: clear needs a peer: mesos-bgp clear PEER; "mesos-bgp peers" lists them'
        : 'mesos-bgp: --soft and --reason exclude each other: a soft clear sends no reason',
    );
    return EXIT_USAGE;
  }
  const how = soft === 'in' ? 'soft-in' : soft === 'out' ? 'soft-out' : 'reset';
  const body: ClearRequest = { peer, how, ...(reason === undefined ? {} : { reason }) };
  const answer = await fetchFrom<ClearAnswer>(call, '/v1/clear', body);
  if (typeof answer === 'number') return answer;
  const done = {
    reset: 'is reset; "mesos-bgp peers" shows it come back',
    'soft-in': 'is asked for its routes again',
    'soft-out': 'is sent our routes again',
  };
  world.say(`${answer.peer} ${done[answer.how]}`);
  return EXIT_OK;
}

/** All pages as one answer. */
async function fetchAll<T extends { readonly routes: readonly object[]; readonly next: string | null }>(
  call: Call,
  path: string,
  query: URLSearchParams,
): Promise<T | number> {
  const routes: object[] = [];
  for (;;) {
    const text = query.toString();
    const answer = await fetchFrom<T>(call, text === '' ? path : `${path}?${text}`);
    if (typeof answer === 'number') return answer;
    routes.push(...answer.routes);
    if (answer.next === null) return { ...answer, routes };
    query.set('after', answer.next);
  }
}
