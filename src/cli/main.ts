// The command line: which command, its flags, its exit code. All that touches the process is handed in as a World.

import { EXIT_USAGE } from '../config/config.ts';
import { COMMANDS, type World } from './commands.ts';
import { meant, parseFlags } from './flags.ts';
import { commandHelp, programHelp } from './help.ts';

const SEE = 'see mesos-bgp --help';

/** @param args  what follows the program's name. @returns the exit code. */
export async function main(args: readonly string[], world: World): Promise<number> {
  const [first, ...rest] = args;
  const refuse = (...lines: readonly string[]): number => {
    for (const line of lines) world.say(`mesos-bgp: ${line}`);
    return EXIT_USAGE;
  };
  if (first === undefined) {
    world.say(programHelp(COMMANDS, world.version).trimEnd());
    return EXIT_USAGE;
  }
  if (first === '--version' || first === '-V' || first === 'version') {
    world.print(`mesos-bgp ${world.version}\n`);
    return 0;
  }
  // `help routes` is what many type for `routes --help`.
  const asksHelp = first === 'help' || first === '--help' || first === '-h';
  const name = asksHelp ? rest[0] : first;
  if (name === undefined) {
    world.print(programHelp(COMMANDS, world.version));
    return 0;
  }
  const names = COMMANDS.map((one) => one.name);
  const command = COMMANDS.find((one) => one.name === name);
  if (command === undefined) {
    if (name.startsWith('-')) {
      return refuse(
        `the command comes first: mesos-bgp COMMAND ${name} …; commands are ${names.join(', ')}; ${SEE}`,
      );
    }
    return refuse(`unknown command ${name}${meant(name, names)}; commands are ${names.join(', ')}; ${SEE}`);
  }
  const own = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (asksHelp || own.includes('--help') || own.includes('-h')) {
    world.print(commandHelp(command));
    return 0;
  }
  const parsed = parseFlags(rest, command.flags);
  if (!parsed.ok) return refuse(...parsed.problems.map((one) => `${one}; see mesos-bgp ${name} --help`));
  const { flags, positionals } = parsed;
  if (positionals.length > command.maxArguments) {
    const takes = command.arguments === '' ? 'no arguments' : `only ${command.arguments}`;
    const extra = positionals.slice(command.maxArguments).join(' ');
    return refuse(`${name} takes ${takes}, and got ${extra} as well; see mesos-bgp ${name} --help`);
  }
  return command.execute({ flags, positionals, world });
}
