// A topology file, read and checked, as a lab is to be made of it.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { formatProblem } from './source.ts';
import type { Endpoint, Topology } from './spec.ts';
import { parseTopology } from './topology.ts';

export interface LabOptions {
  /** Another name than the file's, so that a second copy can run at the same time. */
  readonly name?: string;
  /** For the file's variables; the process's own unless told. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly kindMap?: Readonly<Record<string, string>>;
}

export type Loaded =
  | { readonly ok: true; readonly topology: Topology }
  | { readonly ok: false; readonly message: string };

/** Reads and checks a topology file. The message has a line a problem, each with file, line and column. */
export function loadTopology(file: string, options: LabOptions = {}): Loaded {
  const path = resolve(file);
  const text = readText(path);
  if (text === undefined) return { ok: false, message: `cannot read ${path}` };
  const parsed = parseTopology(text, {
    file: path,
    env: options.env ?? process.env,
    readFile: readText,
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.kindMap === undefined ? {} : { kindMap: options.kindMap }),
  });
  if (parsed.ok) return parsed;
  return { ok: false, message: parsed.problems.map((problem) => formatProblem(file, problem)).join('\n') };
}

/** Links to nodes that are left out go with them. */
export function filterNodes(topology: Topology, names: readonly string[] | undefined): Loaded {
  if (names === undefined) return { ok: true, topology };
  const unknown = names.filter((name) => !topology.nodes.some((node) => node.name === name));
  if (unknown.length > 0)
    return {
      ok: false,
      message: `--node-filter: no node ${unknown.join(', ')}; there are: ${topology.nodes.map((node) => node.name).join(', ')}`,
    };
  const stays = (end: Endpoint): boolean => typeof end.node !== 'string' || names.includes(end.node);
  return {
    ok: true,
    topology: {
      ...topology,
      nodes: topology.nodes.filter((node) => names.includes(node.name)),
      links: topology.links.filter((link) => link.endpoints.every(stays)),
    },
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
