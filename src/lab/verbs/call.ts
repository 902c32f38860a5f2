// What a verb of the `lab` command is called with: its options, read as the verb wants them, and where its output goes.

import { readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Lab } from '../lab.ts';
import { loadTopology } from '../topology-file.ts';

export interface Output {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

export const OPTIONS = {
  topo: {
    type: 'string',
    short: 't',
    value: 'FILE',
    help: 'the topology; without it the only *.clab.yml here',
  },
  name: { type: 'string', value: 'NAME', help: "the lab's name in place of the file's: for a second copy" },
  'node-filter': { type: 'string', value: 'A,B', help: 'only these nodes' },
  label: { type: 'string', multiple: true, value: 'K=V', help: 'only nodes with this label' },
  cmd: {
    type: 'string',
    multiple: true,
    value: 'LINE',
    help: 'what to run; split as a shell would, run by none',
  },
  format: { type: 'string', short: 'f', value: 'FORM', help: 'table or json; exec: plain or json' },
  reconfigure: { type: 'boolean', short: 'c', help: 'destroy what is left of the lab first' },
  'kind-map': { type: 'string', multiple: true, value: 'A=B', help: 'takes kind A for kind B' },
  node: { type: 'string', value: 'NAME', help: 'the node where etcd runs (default: etcd)' },
  all: { type: 'boolean', short: 'a', help: 'every lab' },
  graceful: { type: 'boolean', help: 'lets processes end by themselves first' },
  cleanup: { type: 'boolean', help: 'taken and not needed: nothing is left behind anyway' },
  yes: { type: 'boolean', short: 'y', help: 'taken and not needed: nothing is asked' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const;

export type OptionName = keyof typeof OPTIONS;
export type Options = Readonly<Partial<Record<OptionName, string | boolean | readonly string[]>>>;

export interface Call {
  readonly words: readonly string[];
  readonly options: Options;
  readonly output: Output;
}

/** Ends a verb early; runCommand turns it into a message and exit code 64. */
export class UsageError extends Error {}

/** By --name, or by the name that the topology file says. */
export function openLab(options: Options, positional: string | undefined, output: Output): Lab | undefined {
  let name = text(options, 'name');
  if (name === undefined) {
    const loaded = loadTopology(topologyFile(options, positional));
    if (!loaded.ok) {
      output.stderr(`${loaded.message}\n`);
      return undefined;
    }
    name = loaded.topology.name;
  }
  const lab = Lab.open(name);
  const others = Lab.names();
  if (!lab)
    output.stderr(
      `lab ${name} is not deployed; ${others.length > 0 ? `there are: ${others.join(', ')}` : 'none is'}\n`,
    );
  return lab;
}

export function topologyFile(options: Options, positional: string | undefined): string {
  const given = text(options, 'topo') ?? positional;
  if (given !== undefined) return given;
  const here = readdirSync('.').filter((file) => /\.clab\.ya?ml$/.test(file));
  if (here.length === 1) return here[0]!;
  throw new UsageError(
    here.length === 0
      ? `a topology file is missing, and ${dirname(resolve(join('.', 'x')))} has none`
      : `which topology? ${here.join(', ')}`,
  );
}

export function formatOf(options: Options, allowed: readonly [string, ...string[]]): string {
  const format = text(options, 'format') ?? allowed[0];
  if (!allowed.includes(format)) throw new UsageError(`--format ${format}: takes ${allowed.join(' or ')}`);
  return format;
}

export const text = (options: Options, name: OptionName): string | undefined => {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
};
export const list = (options: Options, name: OptionName): readonly string[] => {
  const value = options[name];
  return Array.isArray(value) ? value : [];
};
export const filterOf = (options: Options): readonly string[] | undefined =>
  text(options, 'node-filter')
    ?.split(',')
    .filter((name) => name !== '');

export function pairs(options: Options, name: OptionName): Readonly<Record<string, string>> {
  return Object.fromEntries(
    list(options, name).map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new UsageError(`--${name} ${pair}: is no KEY=VALUE`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
