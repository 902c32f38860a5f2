import { closest, type Flag, meant, misspelledVariables, parseFlags } from '../../../src/cli/flags.ts';

const known: readonly Flag[] = [
  { flag: '--node', value: 'NAME', help: '' },
  { flag: '--output', short: '-o', value: 'table|json', help: '', choices: ['table', 'json'] },
  { flag: '--kernel', value: undefined, help: '' },
  { flag: '--etcd-cert-file', value: 'PATH', help: '' },
];

function parsed(...args: string[]) {
  const result = parseFlags(args, known);
  return result.ok ? { ...Object.fromEntries(result.flags), _: result.positionals } : result.problems;
}

describe('parseFlags', () => {
  it.each([
    [['--node', 'a'], { '--node': 'a', _: [] }],
    [['--node=a'], { '--node': 'a', _: [] }],
    [['--node='], { '--node': '', _: [] }],
    [['--node=a=b'], { '--node': 'a=b', _: [] }],
    [['--node', 'a', '--node', 'b'], { '--node': 'b', _: [] }],
    [['-o', 'json'], { '--output': 'json', _: [] }],
    [['-ojson'], { '--output': 'json', _: [] }],
    [['-o=json'], { '--output': 'json', _: [] }],
    [['x', '--kernel', 'y'], { '--kernel': 'true', _: ['x', 'y'] }],
    [['--', '--node'], { _: ['--node'] }],
    [['-'], { _: ['-'] }],
    [['--node=-a'], { '--node': '-a', _: [] }],
  ])('%j', (args, expected) => {
    expect(parsed(...args)).toEqual(expected);
  });

  it.each([
    [['--nod', 'a'], ['unknown flag --nod: is --node meant?']],
    [['--nod=a'], ['unknown flag --nod: is --node meant?']],
    [['--etcd-crt-file', 'a'], ['unknown flag --etcd-crt-file: is --etcd-cert-file meant?']],
    [['--frobnicate'], ['unknown flag --frobnicate']],
    [
      ['--frobnicate', '--kernel=1'],
      ['unknown flag --frobnicate', '--kernel is a switch and takes no value: leave out "1"'],
    ],
    [['-x'], ['unknown flag -x']],
    [['--node'], ['--node needs a value: --node NAME']],
    [['--node', '--kernel'], ['--node needs a value: --node NAME']],
    [['-o', 'xml'], ['-o "xml" is not usable: accepted is table, json']],
  ])('%j is refused: %j', (args, problems) => {
    expect(parsed(...args)).toEqual(problems);
  });
});

describe('closest', () => {
  const words = ['run', 'resolve', 'status', 'peers', 'routes', 'clear'];
  it.each([
    ['statsu', ['status']],
    ['peer', ['peers']],
    ['route', ['routes']],
    ['rout', ['routes']],
    ['reslove', ['resolve']],
    ['stop', []],
    ['ru', ['run']],
    ['rnu', ['run']],
    ['neighbors', []],
    ['', []],
  ])('of %j are %j', (word, expected) => {
    expect(closest(word, words)).toEqual(expected);
  });

  it('are at most three, the nearest first, and dashes do not count', () => {
    expect(closest('--aab', ['--aaa', '--aab', '--aac', '--aad'])).toEqual(['--aab', '--aaa', '--aac']);
    expect(meant('--endpoints', ['--etcd-endpoints'])).toBe(': is --etcd-endpoints meant?');
  });
});

describe('misspelledVariables', () => {
  const variables = ['MESOS_BGP_HTTP', 'MESOS_BGP_CONTROL'];
  it('names ours that are almost right, and leaves others alone', () => {
    const env = { MESOS_BGP_HTPP: 'x', MESOS_BGP_CONTROL: 'x', MESOS_BGP_LAB_DIR: 'x', MESOS_HTTP: 'x' };
    expect(misspelledVariables(env, variables)).toEqual([
      'MESOS_BGP_HTPP is no variable of mesos-bgp and has no effect: is MESOS_BGP_HTTP meant?',
    ]);
  });
});
