// The `lab` command: its verbs as a table, arguments in, text and an exit code out. Options and JSON are containerlab's.

import { parseArgs } from 'node:util';
import { type Call, OPTIONS, type OptionName, type Options, type Output, UsageError } from './verbs/call.ts';
import { deploy, destroy } from './verbs/deploy.ts';
import { exec } from './verbs/exec.ts';
import { inspect } from './verbs/inspect.ts';
import { loadResources } from './verbs/load.ts';

export const EXIT_USAGE = 64;

interface Verb {
  readonly usage: string;
  readonly help: string;
  readonly options: readonly OptionName[];
  readonly run: (call: Call) => Promise<number>;
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
