// Entry of the demo: arguments and the terminal.

import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { EXIT_USAGE } from '../commands.ts';
import { runWithLabs } from '../program.ts';
import { runDemo } from './demo.ts';

const USAGE = `usage: npm run demo [-- --keep] [-- --name NAME]

Three hosts and six containers in network namespaces, a real etcd, a daemon on each host: sessions, routes, pings, a new
block, a host that dies, etcd stopped and started. Exit code 0 when all of it held.

  --keep         leaves the lab up and says how to look around
  --name NAME    the lab's name (three-hosts unless given), for a second copy
  --program FILE the daemon's program (dist/mesos-bgp.js unless given)
`;

async function main(): Promise<number> {
  let options: { keep?: boolean; name?: string; program?: string; help?: boolean };
  try {
    options = parseArgs({
      options: {
        keep: { type: 'boolean' },
        name: { type: 'string' },
        program: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`demo: ${(error as Error).message}\n\n${USAGE}`);
    return EXIT_USAGE;
  }
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const terminal = process.stdout.isTTY;
  const folder = dirname(resolve(process.argv[1]!));
  const topologies = join(folder, '..', 'topologies', 'three-hosts');
  return runWithLabs((signal) =>
    runDemo({
      topology: join(topologies, 'three-hosts.clab.yml'),
      data: join(topologies, 'data'),
      program: resolve(options.program ?? join(folder, 'mesos-bgp.js')),
      keep: options.keep ?? false,
      signal,
      print: (line) => process.stdout.write(`${terminal ? '\r\x1b[K' : ''}${line}\n`),
      ...(terminal ? { transient: (line) => process.stdout.write(`\r\x1b[K${line}`) } : {}),
      ...(options.name === undefined ? {} : { name: options.name }),
    }),
  );
}

process.exitCode = 70; // EX_SOFTWARE, should the event loop run dry before the demo has come to an end
void main().then((code) => {
  process.exitCode = code;
});
