import { MemoryDatastore } from '../../src/datastore/memory.ts';
import type { Resolution } from '../../src/desired/resolution.ts';
import { createLog } from '../../src/observe/log.ts';
import { Report } from '../../src/report.ts';

let lines: { level: string; message: string; [field: string]: unknown }[];
let report: Report;
beforeEach(() => {
  lines = [];
  report = new Report(
    createLog({ level: 'info', to: { write: (line: string) => void lines.push(JSON.parse(line)) } }),
  );
});
const said = () => lines.map(({ level, message }) => `${level}: ${message}`);
const resolution = (...messages: string[]) =>
  ({
    problems: messages.map((message) => ({ resource: 'BGPPeer/t', field: 'spec.asNumber', message })),
  }) as unknown as Resolution;

describe("the daemon's log", () => {
  it('names each problem once when it comes, and once when it is gone', () => {
    report.problems(resolution('is missing'));
    report.problems(resolution('is missing'));
    report.problems(resolution('is missing', 'is odd'));
    report.problems(resolution());
    expect(said()).toEqual([
      'warn: BGPPeer/t spec.asNumber: is missing',
      'warn: BGPPeer/t spec.asNumber: is odd',
      'info: BGPPeer/t spec.asNumber: solved',
      'info: BGPPeer/t spec.asNumber: solved',
    ]);
  });

  it('says once that a change is held back, and that it is no more', () => {
    for (const text of [undefined, 'it would isolate the node', 'it would isolate the node', undefined]) {
      report.heldBack(text);
    }
    expect(said()).toEqual([
      'error: it would isolate the node',
      'info: peerings: nothing is held back any more',
    ]);
  });

  it('says how the datastore is, why, and what serves meanwhile', () => {
    const store = new MemoryDatastore('etcd http://10.0.0.5:2379');
    report.datastore(store);
    store.status.update({ lastError: 'refused' });
    const kept = { revision: '7', savedAt: Date.now(), path: '/var/lib/mesos-bgp/picture-a' };
    store.status.update({ kept });
    store.status.update({ state: 'in-sync', kept: undefined, lastError: undefined });
    expect(said()).toEqual([
      'warn: datastore connecting: refused',
      expect.stringMatching(
        /^warn: datastore connecting, and the picture that an earlier run kept \d+ s ago serves meanwhile: refused$/,
      ),
      'info: datastore in-sync',
    ]);
    expect(lines[1]).toMatchObject({ path: '/var/lib/mesos-bgp/picture-a' });
  });
});
