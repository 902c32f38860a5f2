import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LabDirectory, type LabState, labNames, runDirectory } from '../../../src/lab/state.ts';

const state: LabState = {
  version: 1,
  name: 'x',
  prefix: 'clab',
  topologyFile: '/x.clab.yml',
  createdAt: '2026-01-01T00:00:00.000Z',
  bridgesNamespace: 'clab-x.bridges',
  ground: undefined,
  nodes: [],
  links: [],
  hostInterfaces: [],
};

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lab-state-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it('a lab is known while it has a state, and by no other folder', () => {
  const lab = new LabDirectory(root, 'x');
  expect(labNames(root)).toEqual([]);
  lab.write(state);
  new LabDirectory(root, 'empty').addProcess({
    pid: 1,
    startTicks: '2',
    node: 'a',
    name: 'p',
    argv: [],
    log: '',
  });
  expect(labNames(root)).toEqual(['x']);
  expect(new LabDirectory(root, 'x').read()).toEqual(JSON.parse(JSON.stringify(state)));
  lab.remove();
  expect(labNames(root)).toEqual([]);
});

it('processes are added one by one and read together; what is half written is left out', () => {
  const lab = new LabDirectory(root, 'x');
  expect(lab.processes()).toEqual([]);
  for (const pid of [7, 8])
    lab.addProcess({ pid, startTicks: '1', node: 'a', name: 'p', argv: ['p'], log: '/l' });
  writeFileSync(join(lab.path, '.processes', '9'), '{"pid":');
  expect(lab.processes().map((process) => process.pid)).toEqual([7, 8]);
});

it('lives under /run unless told otherwise', () => {
  expect(runDirectory({})).toBe('/run/mesos-bgp-lab');
  expect(runDirectory({ MESOS_BGP_LAB_DIR: '/elsewhere' })).toBe('/elsewhere');
});
