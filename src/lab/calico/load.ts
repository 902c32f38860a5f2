// Fills a lab's etcd from files.

import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { LabNode } from '../lab.ts';
import { until } from '../process.ts';
import { openRelay } from '../relay.ts';
import { EtcdGateway } from './etcd.ts';
import { type Entry, encodeResources, type Stamp } from './resources.ts';

export interface Loaded {
  readonly written: number;
  readonly problems: readonly string[];
}

export const newStamp = (): Stamp => ({
  uid: randomUUID(),
  creationTimestamp: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
});

/** Entries of files, or of all .yaml, .yml and .json files of folders, in the order of their names. */
export function readResources(paths: readonly string[]): {
  readonly entries: readonly Entry[];
  readonly problems: readonly string[];
} {
  const entries: Entry[] = [];
  const problems: string[] = [];
  for (const path of paths) {
    try {
      const files = statSync(path).isDirectory()
        ? readdirSync(path)
            .filter((name) => /\.(ya?ml|json)$/.test(name))
            .sort()
            .map((name) => join(path, name))
        : [path];
      for (const file of files) {
        const encoded = encodeResources(readFileSync(file, 'utf8'), file, newStamp);
        entries.push(...encoded.entries);
        problems.push(...encoded.problems);
      }
    } catch (error) {
      problems.push(`${path}: ${(error as Error).message}`);
    }
  }
  return { entries, problems };
}

/** Writes what the files hold into the etcd that listens on the node's port 2379, once it answers. */
export async function load(node: LabNode, paths: readonly string[], timeoutMs = 15_000): Promise<Loaded> {
  const read = readResources(paths);
  const relay = await openRelay(node, 2379);
  if (relay.failure !== undefined) return { written: 0, problems: [relay.failure] };
  try {
    const etcd = new EtcdGateway(relay.socketPath);
    if (!(await until(() => etcd.healthy(), timeoutMs, 50)))
      return {
        written: 0,
        problems: [`etcd on node ${node.name} has not answered within ${timeoutMs / 1000} s`],
      };
    const problems = [...read.problems];
    let written = 0;
    for (const { key, value } of read.entries) {
      const answer = await etcd.put(key, value);
      if (answer.ok) written++;
      else problems.push(`${key}: ${answer.error}`);
    }
    return { written, problems };
  } finally {
    await relay.stop();
  }
}
