import { runCommand } from '../../../src/lab/commands.ts';

async function lab(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' };
  const code = await runCommand(argv, {
    stdout: (text) => {
      said.stdout += text;
    },
    stderr: (text) => {
      said.stderr += text;
    },
  });
  return { code, ...said };
}

it.each([
  [['frobnicate'], /no command "frobnicate"/],
  [['deploy', '--colour'], /Unknown option '--colour'/],
  [['exec', 'x.clab.yml'], /--cmd LINE is missing/],
  [['exec', 'x.clab.yml', '--cmd', 'true', '-f', 'xml'], /--format xml: takes plain or json/],
  [['deploy', 'x.clab.yml', '--kind-map', 'linux'], /--kind-map linux: is no KEY=VALUE/],
  [['deploy'], /a topology file is missing/],
])('%j is wrong usage: exit code 64, and how it goes', async (argv, message) => {
  const { code, stdout, stderr } = await lab(...argv);
  expect(code).toBe(64);
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/lab|Labs/);
  expect(stdout).toBe('');
});

it('help lists all commands, and a command its options', async () => {
  const general = await lab('--help');
  expect(general).toMatchObject({ code: 0, stderr: '' });
  for (const verb of ['deploy', 'exec', 'inspect', 'destroy', 'load']) {
    expect(general.stdout).toContain(`  ${verb}`);
    const own = await lab(verb, '--help');
    expect(own.code).toBe(0);
    expect(own.stdout).toMatch(/-t, --topo FILE/);
  }
});

it('a file that cannot be read, or is wrong, is exit code 1 with the place', async () => {
  expect(await lab('deploy', '/nowhere/x.clab.yml')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'cannot read /nowhere/x.clab.yml\n',
  });
  expect((await lab('deploy', __filename)).stderr).toMatch(/commands\.test\.ts:\d+:\d+: /);
});

it('a lab that is not there is said to be so', async () => {
  const { code, stderr } = await lab('inspect', '--name', 'no-such-lab');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^lab no-such-lab is not deployed/);
});
