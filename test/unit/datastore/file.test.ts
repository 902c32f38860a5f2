import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Subscription } from 'rxjs';
import { entryOfManifest } from '../../../src/calico/keys.ts';
import { prefixRange } from '../../../src/datastore/datastore.ts';
import { FileDatastore, type FileDatastoreOptions } from '../../../src/datastore/file.ts';
import { type DatastoreEvent, watch } from '../../../src/datastore/watch.ts';
import { until } from '../../support/etcd.ts';

const V3 = '/calico/resources/v3/projectcalico.org';
const ALL = [prefixRange('/calico/')];

describe('the file datastore', () => {
  let folder: string;
  let open: FileDatastore[] = [];
  let subscription: Subscription | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mesos-bgp-file-'));
  });
  afterEach(async () => {
    subscription?.unsubscribe();
    for (const datastore of open) datastore.close();
    open = [];
    await rm(folder, { recursive: true, force: true });
  });

  const make = (path: string) => {
    const datastore = new FileDatastore(path, entryOfManifest);
    open.push(datastore);
    return datastore;
  };
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  const keys = async (path: string): Promise<string[]> => {
    const result = await make(path).list(ALL);
    if (!result.ok) throw new Error(result.error.message);
    return result.value.entries.map(({ key }) => key.replace(V3, ''));
  };
  const failure = async (path: string): Promise<string> => {
    const result = await make(path).list(ALL);
    return result.ok ? 'no error' : result.error.message;
  };

  const NODE = (name: string, ip: string) =>
    `kind: Node\nmetadata: {name: ${name}}\nspec: {bgp: {ipv4Address: ${ip}}}\n`;

  it.each([
    [
      'several documents',
      `# a comment\n---\n${NODE('a', '10.0.0.1')}---\n${NODE('b', '10.0.0.2')}---\n`,
      ['/nodes/a', '/nodes/b'],
    ],
    [
      'a list as calicoctl prints it',
      'kind: NodeList\nitems:\n- {kind: Node, metadata: {name: a}}\n- {kind: Node, metadata: {name: b}}\n',
      ['/nodes/a', '/nodes/b'],
    ],
    [
      'a list as kubectl prints it',
      'apiVersion: v1\nkind: List\nitems:\n- {kind: IPPool, metadata: {name: p}}\n',
      ['/ippools/p'],
    ],
    [
      'a plain list',
      '- {kind: IPPool, metadata: {name: p}}\n- {kind: BGPPeer, metadata: {name: q}}\n',
      ['/bgppeers/q', '/ippools/p'],
    ],
    ['JSON', '{"kind":"Node","metadata":{"name":"a"}}', ['/nodes/a']],
    [
      'JSON in several documents',
      '---\n{"kind":"Node","metadata":{"name":"a"}}\n---\n{\n "kind":"NodeList",\n "items":[{"kind":"Node","metadata":{"name":"b"}}]\n}\n---\nnull\n---\n',
      ['/nodes/a', '/nodes/b'],
    ],
    [
      'JSON beside YAML',
      `{"kind":"Node","metadata":{"name":"a"}}\n---\n${NODE('b', '10.0.0.2')}`,
      ['/nodes/a', '/nodes/b'],
    ],
    ['kinds that BGP does not read', 'kind: Profile\nmetadata: {name: x}\n', []],
    ['nothing', '', []],
  ])('reads %s', async (_, text, expected) => {
    await write('lab.yaml', text);
    expect(await keys(join(folder, 'lab.yaml'))).toEqual(expected);
  });

  it('reads a folder: its YAML and JSON files by name, and nothing else', async () => {
    await write('b.yml', NODE('b', '10.0.0.2'));
    await write('a.yaml', NODE('a', '10.0.0.1'));
    await write('c.json', '{"kind":"Node","metadata":{"name":"c"}}');
    await write('notes.txt', 'kind: [');
    await mkdir(join(folder, 'sub'));
    expect(await keys(folder)).toEqual(['/nodes/a', '/nodes/b', '/nodes/c']);
  });

  it.each([
    ['a line that is no YAML', `${NODE('a', '10.0.0.1')}  - oops: [\n`, /lab\.yaml:4: /],
    ['a key given twice', 'kind: Node\nkind: Node\n', /lab\.yaml:2: /],
    ['no name', `${NODE('a', '10.0.0.1')}---\nkind: Node\nspec: {}\n`, /lab\.yaml:5: .*metadata\.name/],
    [
      'no kind, in a list',
      'kind: List\nitems:\n- kind: Node\n  metadata: {name: a}\n- metadata: {name: b}\n',
      /lab\.yaml:5: .*kind/,
    ],
    [
      'one resource twice',
      `${NODE('a', '10.0.0.1')}---\n${NODE('a', '10.0.0.2')}`,
      /lab\.yaml:5: .*lab\.yaml:1/,
    ],
    [
      'no name, in several documents of JSON',
      '{"kind":"Node","metadata":{"name":"a"}}\n---\n{"kind":"NodeList",\n "items":[{"kind":"Node","metadata":{"name":"b"}},\n {"kind":"Node"}]}',
      /lab\.yaml:5: .*metadata\.name/,
    ],
    [
      'one resource twice in JSON',
      '[{"kind":"Node","metadata":{"name":"a"}},\n{"kind":"Node","metadata":{"name":"a"}}]',
      /lab\.yaml:2: .*lab\.yaml:1/,
    ],
    ['half of a JSON', '{"kind":"Node"', /lab\.yaml:1: /],
  ])('refuses %s with file and line', async (_, text, message) => {
    await write('lab.yaml', text);
    expect(await failure(join(folder, 'lab.yaml'))).toMatch(message);
  });

  it('says which path does not exist', async () => {
    expect(await failure(join(folder, 'none.yaml'))).toMatch(/none\.yaml: does not exist\. .*--datastore/);
  });

  it('cannot be written to', async () => {
    expect(await make(folder).put()).toMatchObject({ ok: false, error: { reason: 'refused' } });
    expect(await make(folder).transaction()).toMatchObject({ ok: false, error: { reason: 'refused' } });
  });

  describe('where inotify says nothing', () => {
    /** On a clock by which every file is old. */
    const LATER = { pollMs: 5, now: () => Date.now() + 10_000 };
    const follow = (path: string, options: FileDatastoreOptions) => {
      const datastore = new FileDatastore(path, entryOfManifest, options);
      open.push(datastore);
      const events: DatastoreEvent[] = [];
      subscription = watch(datastore, ALL).subscribe((event) => events.push(event));
      return { datastore, events };
    };

    it('a file that looks as it did is not read again, however often it is looked at', async () => {
      await write('x.yaml', NODE('a', '10.0.0.1'));
      const { datastore } = follow(join(folder, 'x.yaml'), LATER);
      await until(() => datastore.looks > 5, 'it is looked at');
      expect(datastore.readings).toBe(1);
    });

    it('one that was changed a moment ago is read until its time says something', async () => {
      await write('x.yaml', NODE('a', '10.0.0.1'));
      const { datastore } = follow(join(folder, 'x.yaml'), { pollMs: 5 });
      await until(() => datastore.readings > 5, 'it is read');
    });

    it.each(['file', 'folder'])('a %s behind a link is followed where no news of it comes', async (what) => {
      const path = join(folder, 'link');
      const target = join(folder, 'elsewhere');
      await mkdir(target);
      await symlink(what === 'file' ? join(target, 'x.yaml') : target, path);
      const replace = async (ip: string) => {
        await write('new.yaml', NODE('a', ip));
        await rename(join(folder, 'new.yaml'), join(target, 'x.yaml'));
      };
      await replace('10.0.0.1');
      const { events, datastore } = follow(path, LATER);
      await until(() => datastore.readings > 0, 'it is read');
      for (const ip of ['10.0.0.2', '10.0.0.3', '10.0.0.4'])
        await replace(ip).then(() => until(() => JSON.stringify(events).includes(ip), `${ip} is seen`));
    });
  });

  describe('while it is followed', () => {
    let path: string;
    let datastore: FileDatastore;
    let events: DatastoreEvent[];
    const told = () =>
      events.map((event) =>
        event.type === 'listed'
          ? 'listed'
          : event.changes.map((c) => `${c.type} ${c.key.replace(V3, '')}`).join(),
      );

    beforeEach(async () => {
      path = join(folder, 'lab.yaml');
      await writeFile(path, NODE('a', '10.0.0.1'));
      datastore = make(path);
      events = [];
      subscription = watch(datastore, ALL).subscribe((event) => events.push(event));
      await until(() => datastore.status.current.state === 'in-sync', 'in sync');
    });

    it('tells exactly what is different', async () => {
      await writeFile(path, `${NODE('a', '10.0.0.1')}---\n${NODE('b', '10.0.0.2')}`);
      await until(() => events.length > 1, 'the change is told');
      await writeFile(path, NODE('b', '10.0.0.2'));
      await until(() => events.length > 2, 'the change is told');
      expect(told()).toEqual(['listed', 'put /nodes/b', 'delete /nodes/a']);
    });

    it('notices a new file that takes the place of the old one', async () => {
      await writeFile(`${path}.tmp`, NODE('b', '10.0.0.2'));
      await rename(`${path}.tmp`, path);
      await until(() => events.length > 1, 'the change is told');
      expect(told()).toEqual(['listed', 'delete /nodes/a,put /nodes/b']);
    });

    it.each([
      ['does not parse', 'kind: [\n', /lab\.yaml:/],
      ['is empty', '', /holds no resource any more/],
    ])(
      'one that %s is refused: status tells it, the last state stays, a repaired one is taken',
      async (_, text, message) => {
        await writeFile(path, text);
        await until(() => datastore.status.current.state === 'disconnected', 'the refusal is told');
        expect(datastore.status.current.lastError).toMatch(message);
        expect(told()).toEqual(['listed']);
        await writeFile(path, NODE('a', '10.0.0.9'));
        await until(() => datastore.status.current.state === 'in-sync', 'in sync again');
        expect(told()).toEqual(['listed', 'put /nodes/a']);
        expect(datastore.status.current.lastError).toBeUndefined();
      },
    );

    it('a file that is gone keeps the last state too', async () => {
      await unlink(path);
      await until(() => datastore.status.current.state === 'disconnected', 'it is told');
      expect(datastore.status.current.lastError).toContain('does not exist');
      expect(told()).toEqual(['listed']);
    });
  });

  it('one that is broken at the start is "connecting" with the reason, and read when it is repaired', async () => {
    await write('lab.yaml', 'kind: [');
    const datastore = make(join(folder, 'lab.yaml'));
    const events: DatastoreEvent[] = [];
    subscription = watch(datastore, ALL).subscribe((event) => events.push(event));
    await until(() => datastore.status.current.lastError !== undefined, 'the reason is told');
    expect(datastore.status.current).toMatchObject({
      state: 'connecting',
      lastError: expect.stringContaining('lab.yaml:1'),
    });
    await write('lab.yaml', NODE('a', '10.0.0.1'));
    await until(() => events.length === 1, 'it is read');
  });
});
