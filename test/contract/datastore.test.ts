// The datastore contract on each implementation.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { entryOfManifest } from '../../src/calico/keys.ts';
import { FileDatastore } from '../../src/datastore/file.ts';
import { MemoryDatastore } from '../../src/datastore/memory.ts';
import { datastoreSuite, type Keys, type Subject, writableSuite } from './datastore-suite.ts';

const KEYS: Keys = {
  ranges: ['/calico/a/', '/calico/b/'],
  a1: '/calico/a/1',
  a2: '/calico/a/2',
  b1: '/calico/b/1',
  outside: '/calico/ab/1',
};

const memory = async (): Promise<Subject> => {
  const datastore = new MemoryDatastore();
  return {
    datastore,
    write: async (entries) => datastore.assign(new Map(Object.entries(entries))),
    cleanup: async () => {},
  };
};

datastoreSuite('memory', KEYS, memory);
writableSuite('memory', memory);

const V3 = '/calico/resources/v3/projectcalico.org';

/** The file has resources where the suite has texts: the text is an annotation of a resource with that name. */
const file = async (): Promise<Subject> => {
  const folder = await mkdtemp(join(tmpdir(), 'mesos-bgp-contract-'));
  const path = join(folder, 'data.json');
  const toEntry = (manifest: unknown) => {
    const entry = entryOfManifest(manifest);
    const { metadata } = manifest as {
      readonly metadata: { readonly annotations: { readonly text: string } };
    };
    return entry.type === 'entry' ? { ...entry, value: metadata.annotations.text } : entry;
  };
  const kinds: Readonly<Record<string, string>> = { nodes: 'Node', ippools: 'IPPool', bgppeers: 'BGPPeer' };
  const write = async (entries: Readonly<Record<string, string>>) => {
    const items = Object.entries(entries).map(([key, text]) => {
      const [plural, name] = key.slice(V3.length + 1).split('/');
      return { kind: kinds[plural!], metadata: { name, annotations: { text } } };
    });
    await writeFile(path, JSON.stringify({ kind: 'List', items }));
  };
  await write({});
  return {
    datastore: new FileDatastore(path, toEntry),
    write,
    cleanup: () => rm(folder, { recursive: true, force: true }),
  };
};

const FILE_KEYS: Keys = {
  ranges: [`${V3}/ippools/`, `${V3}/nodes/`],
  a1: `${V3}/ippools/1`,
  a2: `${V3}/ippools/2`,
  b1: `${V3}/nodes/1`,
  outside: `${V3}/bgppeers/1`,
};

datastoreSuite('file', FILE_KEYS, file);
