// The verbs of the `lab` command: arguments in, text and an exit code out. Options and JSON are containerlab's.

import { readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { load } from './calico/load.ts';
import { Lab, type LabNode, loadTopology } from './lab.ts';
import { formatTable } from './table.ts';

export interface Output {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

export const EXIT_USAGE = 64;

const OPTIONS = {
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

type OptionName = keyof typeof OPTIONS;
type Options = Readonly<Partial<Record<OptionName, string | boolean | readonly string[]>>>;

interface Verb {
  readonly usage: string;
  readonly help: string;
  readonly options: readonly OptionName[];
  readonly run: (call: Call) => Promise<number>;
}

interface Call {
  readonly words: readonly string[];
  readonly options: Options;
  readonly output: Output;
}

const VERBS: Readonly<Record<string, Verb>> = {
  deploy: {
    usage: 'deploy FILE',
    help: 'makes the lab',
    options: ['topo', 'name', 'node-filter', 'reconfigure', 'kind-map', 'format'],
    run: deploy,
  },
  exec: {
    usage: 'exec FILE --cmd LINE',
    help: 'runs a command in its nodes',
    options: ['topo', 'name', 'cmd', 'node-filter', 'label', 'format'],
    run: exec,
  },
  inspect: {
    usage: 'inspect [interfaces] FILE',
    help: 'shows its nodes',
    options: ['topo', 'name', 'all', 'format'],
    run: inspect,
  },
  destroy: {
    usage: 'destroy FILE',
    help: 'ends it, with all processes in it',
    options: ['topo', 'name', 'all', 'graceful', 'cleanup', 'yes'],
    run: destroy,
  },
  load: {
    usage: 'load FILE RESOURCES…',
    help: "writes Calico resources (YAML files or folders) into the lab's etcd",
    options: ['topo', 'name', 'node'],
    run: loadResources,
  },
};

/** @param argv  without program. @returns the exit code: 0, 1 when something failed, 64 for wrong usage. */
export async function runCommand(argv: readonly string[], output: Output): Promise<number> {
  const [name = '', ...rest] = argv;
  const verb = VERBS[name];
  if (!verb) {
    const asked = ['', 'help', '--help', '-h'].includes(name);
    (asked ? output.stdout : output.stderr)(asked ? usage() : `lab: no command "${name}"\n\n${usage()}`);
    return asked && name !== '' ? 0 : EXIT_USAGE;
  }
  let parsed: { values: Options; positionals: string[] };
  try {
    const options = Object.fromEntries(
      [...verb.options, 'help' as const].map((option) => {
        const { type, ...more } = OPTIONS[option];
        return [
          option,
          { type, ...('short' in more ? { short: more.short } : {}), multiple: 'multiple' in more },
        ];
      }),
    );
    parsed = parseArgs({ args: rest, options, allowPositionals: true }) as typeof parsed;
  } catch (error) {
    output.stderr(`lab ${name}: ${(error as Error).message}\n\n${verbUsage(verb)}`);
    return EXIT_USAGE;
  }
  if (parsed.values.help) {
    output.stdout(verbUsage(verb));
    return 0;
  }
  try {
    return await verb.run({ words: parsed.positionals, options: parsed.values, output });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    output.stderr(`lab ${name}: ${error.message}\n\n${verbUsage(verb)}`);
    return EXIT_USAGE;
  }
}

/** Ends a verb early; runCommand turns it into a message and exit code 64. */
class UsageError extends Error {}

async function deploy({ words, options, output }: Call): Promise<number> {
  const file = topologyFile(options, words[0]);
  const name = text(options, 'name');
  const nodeFilter = filterOf(options);
  const result = await Lab.deploy(file, {
    reconfigure: options.reconfigure === true,
    report: (line) => output.stderr(`${line}\n`),
    kindMap: pairs(options, 'kind-map'),
    ...(name === undefined ? {} : { name }),
    ...(nodeFilter ? { nodeFilter } : {}),
  });
  if (!result.ok) {
    output.stderr(`${result.message}\n`);
    if (result.lab)
      output.stderr(`What stands of the lab stays for a look: lab destroy --name ${result.lab.name}\n`);
  }
  if (result.lab) showLabs([result.lab], formatOf(options, ['table', 'json']), output);
  return result.ok ? 0 : 1;
}

async function exec({ words, options, output }: Call): Promise<number> {
  const format = formatOf(options, ['plain', 'json']);
  const commands = list(options, 'cmd');
  if (commands.length === 0) throw new UsageError('--cmd LINE is missing');
  const lab = openLab(options, words[0], output);
  if (!lab) return 1;
  const filter = filterOf(options);
  const labels = Object.entries(pairs(options, 'label'));
  const nodes = lab.nodes.filter(
    (node) =>
      node.state.kind !== 'bridge' &&
      (!filter || filter.includes(node.name) || filter.includes(node.longName)) &&
      labels.every(([key, value]) => labelsOf(lab, node)[key] === value),
  );
  if (nodes.length === 0) {
    output.stderr(`no node fits; there are: ${lab.nodes.map((node) => node.name).join(', ')}\n`);
    return 1;
  }
  const answers: Record<string, unknown[]> = {};
  let failed = false;
  for (const node of nodes)
    for (const command of commands) {
      const result = await node.exec(command);
      failed ||= result.code !== 0;
      const entry = {
        cmd: command.split(/\s+/),
        'return-code': result.code,
        stdout: result.stdout,
        stderr: result.stderr,
      };
      answers[node.longName] = [...(answers[node.longName] ?? []), entry];
      if (format === 'plain') {
        if (nodes.length > 1 || commands.length > 1) output.stderr(`${node.longName}: ${command}\n`);
        output.stdout(result.stdout);
        output.stderr(result.stderr);
        if (result.code !== 0) output.stderr(`${node.longName}: ${command}: exit code ${result.code}\n`);
      }
    }
  if (format === 'json') output.stdout(`${JSON.stringify(answers, null, 2)}\n`);
  return failed ? 1 : 0;
}

async function inspect({ words, options, output }: Call): Promise<number> {
  const format = formatOf(options, ['table', 'json']);
  const interfaces = words[0] === 'interfaces';
  const file = interfaces ? words[1] : words[0];
  const named = file ?? options.topo ?? options.name;
  const labs =
    options.all || named === undefined
      ? Lab.names().flatMap((name) => Lab.open(name) ?? [])
      : [openLab(options, file, output)];
  if (labs.includes(undefined)) return 1;
  const found = labs.filter((lab) => lab !== undefined);
  if (interfaces) return showInterfaces(found, format, output);
  showLabs(found, format, output);
  return 0;
}

async function destroy({ words, options, output }: Call): Promise<number> {
  const labs = options.all
    ? Lab.names().flatMap((name) => Lab.open(name) ?? [])
    : [openLab(options, words[0], output)].filter((lab) => lab !== undefined);
  let failed = !options.all && labs.length === 0;
  for (const lab of labs) {
    const left = await lab.destroy(options.graceful ? 10_000 : 0);
    for (const line of left) output.stderr(`${line}\n`);
    failed ||= left.length > 0;
    if (left.length === 0) output.stderr(`lab ${lab.name} is gone\n`);
  }
  return failed ? 1 : 0;
}

async function loadResources({ words, options, output }: Call): Promise<number> {
  const given = options.topo !== undefined || options.name !== undefined;
  const lab = openLab(options, given ? undefined : words[0], output);
  if (!lab) return 1;
  const paths = given ? words : words.slice(1);
  if (paths.length === 0) throw new UsageError('files or folders with resources are missing');
  const loaded = await load(lab.node(text(options, 'node') ?? 'etcd'), paths);
  for (const problem of loaded.problems) output.stderr(`${problem}\n`);
  output.stderr(`${loaded.written} keys written\n`);
  return loaded.problems.length > 0 ? 1 : 0;
}

function showLabs(labs: readonly Lab[], format: string, output: Output): void {
  const rows = labs.map((lab) => [lab.name, lab.nodes.map((node) => describe(lab, node))] as const);
  if (format === 'json') {
    output.stdout(`${JSON.stringify(Object.fromEntries(rows), null, 2)}\n`);
    return;
  }
  if (labs.length === 0) output.stdout('no lab is deployed\n');
  for (const [, nodes] of rows)
    output.stdout(
      formatTable(
        ['LAB', 'NAME', 'KIND', 'IMAGE', 'STATE', 'IPV4', 'IPV6'],
        nodes.map((node) => [
          ...[node.lab_name, node.name, node.kind, node.image || '-', node.state],
          ...[node.ipv4_address, node.ipv6_address],
        ]),
      ),
    );
}

/** The fields of containerlab's `inspect -f json`. */
function describe(lab: Lab, node: LabNode) {
  const { state } = node;
  return {
    lab_name: lab.name,
    labPath: relative(process.cwd(), lab.topologyFile),
    absLabPath: lab.topologyFile,
    name: state.longName,
    container_id: state.holder ? String(state.holder.pid) : 'N/A',
    image: state.image,
    kind: state.kind,
    state: node.running ? 'running' : 'exited',
    status: '',
    ipv4_address: state.mgmtIpv4 ?? 'N/A',
    ipv6_address: state.mgmtIpv6 ?? 'N/A',
    owner: process.env.SUDO_USER ?? process.env.USER ?? '',
  };
}

async function showInterfaces(labs: readonly Lab[], format: string, output: Output): Promise<number> {
  const shown: { name: string; interfaces: Record<string, unknown>[] }[] = [];
  for (const lab of labs)
    for (const node of lab.nodes.filter((candidate) => candidate.state.kind === 'linux')) {
      const result = await node.exec(['ip', '-json', '-details', 'link', 'show']);
      const links = JSON.parse(result.stdout || '[]') as Record<string, unknown>[];
      const interfaces = links.map((link) => ({
        name: link.ifname,
        alias: link.ifalias ?? '',
        mac: link.address,
        ifindex: link.ifindex,
        mtu: link.mtu,
        type: (link.linkinfo as { info_kind?: string } | undefined)?.info_kind ?? link.link_type,
        state: String(link.operstate ?? '').toLowerCase(),
      }));
      shown.push({ name: node.longName, interfaces });
    }
  if (format === 'json') output.stdout(`${JSON.stringify(shown, null, 2)}\n`);
  else
    output.stdout(
      formatTable(
        ['NAME', 'INTERFACE', 'MAC', 'MTU', 'TYPE', 'STATE'],
        shown.flatMap(({ name, interfaces }) =>
          interfaces.map((link) => [
            name,
            ...[link.name, link.mac, link.mtu, link.type, link.state].map(String),
          ]),
        ),
      ),
    );
  return 0;
}

const labelsOf = (lab: Lab, node: LabNode): Readonly<Record<string, string>> => ({
  ...node.state.labels,
  containerlab: lab.name,
  'clab-node-name': node.name,
  'clab-node-kind': node.state.kind,
  'clab-node-group': node.state.group,
});

/** By --name, or by the name that the topology file says. */
function openLab(options: Options, positional: string | undefined, output: Output): Lab | undefined {
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

function topologyFile(options: Options, positional: string | undefined): string {
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

function formatOf(options: Options, allowed: readonly [string, ...string[]]): string {
  const format = text(options, 'format') ?? allowed[0];
  if (!allowed.includes(format)) throw new UsageError(`--format ${format}: takes ${allowed.join(' or ')}`);
  return format;
}

const text = (options: Options, name: OptionName): string | undefined => {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
};
const list = (options: Options, name: OptionName): readonly string[] => {
  const value = options[name];
  return Array.isArray(value) ? value : [];
};
const filterOf = (options: Options): readonly string[] | undefined =>
  text(options, 'node-filter')
    ?.split(',')
    .filter((name) => name !== '');

function pairs(options: Options, name: OptionName): Readonly<Record<string, string>> {
  return Object.fromEntries(
    list(options, name).map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new UsageError(`--${name} ${pair}: is no KEY=VALUE`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function usage(): string {
  const rows = Object.values(VERBS).map((verb) => `  ${verb.usage.padEnd(28)}${verb.help}`);
  return [
    'Labs from containerlab files, in network namespaces.',
    '',
    ...rows,
    '',
    'lab COMMAND --help says more.',
    '',
  ].join('\n');
}

function verbUsage(verb: Verb): string {
  const rows = [...verb.options, 'help' as const].map((name) => {
    const option: { short?: string; value?: string; help: string } = OPTIONS[name];
    const short = option.short ? `-${option.short}, ` : '    ';
    return `  ${short}${`--${name}${option.value ? ` ${option.value}` : ''}`.padEnd(24)}${option.help}`;
  });
  return [`lab ${verb.usage}: ${verb.help}`, '', ...rows, ''].join('\n');
}
