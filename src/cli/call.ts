// What every command that asks the daemon shares: its World, the question over the control socket, and the answer shown in the
// format that was asked for.

import {
  type Environment,
  EXIT_CONFIG,
  EXIT_UNAVAILABLE,
  EXIT_USAGE,
  type RunConfig,
  readSetting,
  SETTINGS,
} from '../config/config.ts';
import type { ResolveAnswer } from '../control/schema.ts';
import { type Answer, ask } from './client.ts';
import type { Flag } from './flags.ts';
import type { Terminal } from './format.ts';

/** What the outside of this process gives to a command. */
export interface World {
  readonly env: Environment;
  /** The machine's host name. */
  readonly host: string;
  readonly terminal: Terminal;
  /** Data, to stdout. */
  readonly print: (text: string) => void;
  /** All else, to stderr; a line a call. */
  readonly say: (line: string) => void;
  /** The daemon, until it ends. @returns the exit code. */
  readonly run: (config: RunConfig) => Promise<number>;
  /** Reads the datastore once. */
  readonly resolve: (config: RunConfig) => Promise<Resolved>;
  readonly version: string;
}

export type Resolved =
  | { readonly ok: true; readonly resolution: ResolveAnswer }
  /** The datastore cannot be reached, or what it holds or is told cannot be used; with what, where, what next. */
  | { readonly ok: false; readonly reason: 'unavailable' | 'invalid'; readonly message: string };

export interface Call {
  /** By flag with dashes. */
  readonly flags: ReadonlyMap<string, string>;
  readonly positionals: readonly string[];
  readonly world: World;
}

export const EXIT_OK = 0;
export const EXIT_DEGRADED = 1;
export const EXIT_DOWN = 2;

export const flagsOf = (
  rows: readonly {
    readonly flag: string | undefined;
    readonly value: string | undefined;
    readonly help: string;
  }[],
) => rows.flatMap(({ flag, value, help }): Flag[] => (flag === undefined ? [] : [{ flag, value, help }]));

export const OUTPUT: Flag = {
  flag: '--output',
  short: '-o',
  value: 'table|wide|json|yaml',
  help: 'how to show it; table unless told',
  choices: ['table', 'wide', 'json', 'yaml'],
};
export const CONTROL: Flag = flagsOf([SETTINGS.control])[0]!;

/** @returns the answer, or the exit code after the message was said. */
export async function fetchFrom<T>(call: Call, path: string, body?: object): Promise<T | number> {
  const { world, flags } = call;
  const control = readSetting('control', flags, world.env, world.host);
  if (!control.ok) {
    world.say(`mesos-bgp: ${control.problem}`);
    return EXIT_CONFIG;
  }
  const answer = await ask<T>(control.value!, path, body);
  if (answer.ok) return answer.body;
  world.say(`mesos-bgp: ${answer.message}`);
  return exitCode(answer);
}

function exitCode(answer: Extract<Answer<unknown>, { ok: false }>): number {
  if (answer.status === undefined) return EXIT_UNAVAILABLE;
  return answer.status === 400 ? EXIT_USAGE : EXIT_DEGRADED;
}

/** @param none  said when the text is empty; data in JSON or YAML says it by itself. */
export async function show(
  call: Call,
  data: object,
  text: (wide: boolean) => string,
  none = '',
): Promise<void> {
  const { flags, world } = call;
  const output = flags.get('--output') ?? 'table';
  switch (output) {
    case 'json':
      world.print(`${JSON.stringify(data, null, 2)}\n`);
      return;
    case 'yaml': {
      const { stringify } = await import('yaml');
      world.print(stringify(data));
      return;
    }
    default: {
      const shown = text(output === 'wide');
      if (shown === '') world.say(none);
      else world.print(shown);
    }
  }
}
