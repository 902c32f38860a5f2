// Help, made from the tables of commands, flags and settings, so that it cannot miss one. Pure.

import { SETTINGS } from '../config/config.ts';
import type { Command } from './commands.ts';
import type { Flag } from './flags.ts';

const WIDTH = 100;
const HELP: Flag = { flag: '--help', short: '-h', value: undefined, help: 'this text' };

const EXIT_CODES: readonly (readonly [string, string])[] = [
  ['0', 'fine'],
  ['1', 'degraded or refused'],
  ['2', 'down'],
  ['64', 'wrong usage'],
  ['69', 'the daemon or the datastore cannot be reached'],
  ['78', 'wrong configuration'],
];

/** @param commands  in the order of the list. */
export function programHelp(commands: readonly Command[], version: string): string {
  return sections([
    ['', `mesos-bgp ${version}: a BGP speaker for hosts whose addresses Calico manages`],
    ['Usage', indent(['mesos-bgp COMMAND [FLAGS]'])],
    [
      'Commands',
      columns(commands.map((command) => [`${command.name} ${command.arguments}`.trim(), command.summary])),
    ],
    [
      'Everywhere',
      columns([
        ['COMMAND --help', 'what a command takes, in full'],
        ['-o, --output FORMAT', 'table, wide, json or yaml, for every command that shows something'],
        ['--version', 'the version'],
      ]),
    ],
    [
      'Settings of run and resolve (a flag wins over its variable)',
      columns(Object.values(SETTINGS).map(settingRow)),
    ],
    ['Exit codes', columns(EXIT_CODES)],
  ]);
}

export function commandHelp(command: Command): string {
  const hidden = command.showVariables
    ? Object.values(SETTINGS).filter((row) => row.flag === undefined && takesSettings(command))
    : [];
  return sections([
    ['', `mesos-bgp ${command.name}: ${command.summary}`],
    ['Usage', indent([`mesos-bgp ${command.name} ${command.arguments}`.trimEnd().concat(' [FLAGS]')])],
    ['', command.details.map((paragraph) => wrap(paragraph, WIDTH).join('\n')).join('\n\n')],
    ['Flags', columns([...command.flags.map(flagRow), ...hidden.map(settingRow), flagRow(HELP)])],
    ['Examples', indent(command.examples)],
    ['Exit codes', columns(EXIT_CODES)],
  ]);
}

const takesSettings = (command: Command): boolean =>
  command.flags.some((flag) => flag.flag === SETTINGS.node.flag);

/** A flag that is a setting shows its variables and default as well. */
function flagRow(flag: Flag): readonly [string, string] {
  const row = Object.values(SETTINGS).find((setting) => setting.flag === flag.flag);
  return row === undefined ? [spelled(flag), flag.help] : settingRow(row);
}

function settingRow(row: (typeof SETTINGS)[keyof typeof SETTINGS]): readonly [string, string] {
  const names = row.variables.map((variable) => variable.name).join(', ');
  const facts = [...(names === '' || row.flag === undefined ? [] : [names]), `default: ${row.fallbackText}`];
  const left = row.flag === undefined ? names : [row.flag, row.value].filter(Boolean).join(' ');
  return [left, `${row.help} [${facts.join('; ')}]`];
}

const spelled = (flag: Flag): string =>
  [flag.short === undefined ? flag.flag : `${flag.short}, ${flag.flag}`, flag.value]
    .filter(Boolean)
    .join(' ');

const sections = (parts: readonly (readonly [string, string])[]): string =>
  `${parts.map(([title, body]) => (title === '' ? body : `${title}:\n${body}`)).join('\n\n')}\n`;

const indent = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join('\n');

/** Left column as wide as most need; a longer one gets a line of its own. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const left = Math.min(30, Math.max(...rows.map(([name]) => name.length)));
  return rows
    .map(([name, text]) => {
      const lines = wrap(text, WIDTH - left - 4);
      const blank = ' '.repeat(left);
      const first = name.length > left ? `  ${name}\n  ${blank}` : `  ${name.padEnd(left)}`;
      return [`${first}  ${lines[0]}`, ...lines.slice(1).map((line) => `  ${blank}  ${line}`)].join('\n');
    })
    .join('\n');
}

/** Lines of at most `width` columns; a longer word stands alone. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
