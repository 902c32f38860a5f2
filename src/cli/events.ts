// `events`: the newest lines of the daemon's log, and those that come, until Ctrl-C or the daemon's end.

import { request } from 'node:http';
import { EXIT_CONFIG, EXIT_UNAVAILABLE, EXIT_USAGE, readSetting } from '../config/config.ts';
import { type Call, CONTROL, EXIT_OK, OUTPUT } from './call.ts';
import { connectMessage } from './client.ts';
import type { Flag } from './flags.ts';
import { formatEvent, type LogLine } from './format.ts';

const DEFAULT_LAST = 20;
/** The daemon says something every 15 s at least. */
const SILENCE_MS = 60_000;

export const EVENTS_FLAGS: readonly Flag[] = [
  {
    flag: '--last',
    value: 'NUMBER',
    help: `how many of those before now; ${DEFAULT_LAST} unless told, the daemon keeps 1000`,
  },
  { flag: '--once', value: undefined, help: 'those alone: does not wait for what comes' },
  OUTPUT,
  CONTROL,
];

/** @returns the exit code. */
export async function events(call: Call): Promise<number> {
  const { flags, world } = call;
  const last = flags.get('--last') ?? String(DEFAULT_LAST);
  if (!/^\d{1,6}$/.test(last)) {
    world.say(
      `mesos-bgp: --last ${JSON.stringify(last)} is not usable: accepted are whole numbers, as in 50`,
    );
    return EXIT_USAGE;
  }
  const control = readSetting('control', flags, world.env, world.host);
  if (!control.ok) {
    world.say(`mesos-bgp: ${control.problem}`);
    return EXIT_CONFIG;
  }
  const show = await shower(call);
  const once = flags.has('--once');
  const ended = await follow(control.value!, once, (lines, kept) =>
    (kept ? lines.slice(Math.max(0, lines.length - Number(last))) : lines).forEach(show),
  );
  if (ended === undefined && once) return EXIT_OK;
  world.say(`mesos-bgp: ${ended ?? 'the daemon has ended'}`);
  return EXIT_UNAVAILABLE;
}

async function shower({ flags, world }: Call): Promise<(line: string) => void> {
  const output = flags.get('--output') ?? 'table';
  if (output === 'json') return (line) => world.print(`${line}\n`);
  const parse = (line: string) => JSON.parse(line) as LogLine;
  if (output === 'yaml') {
    const { stringify } = await import('yaml');
    return (line) => world.print(`---\n${stringify(parse(line))}`);
  }
  return (line) => world.print(formatEvent(parse(line), world.terminal, output === 'wide'));
}

/**
 * @param onLines  first those that are kept, all at once, then the others as they come.
 * @returns what went wrong; undefined when the daemon ended the stream.
 */
function follow(
  control: string,
  once: boolean,
  onLines: (lines: readonly string[], kept: boolean) => void,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const path = `/v1/events?follow=${!once}`;
    const call = request({ socketPath: control, path, agent: false, timeout: SILENCE_MS });
    const lost = (error: NodeJS.ErrnoException) => resolve(connectMessage(control, error));
    call.on('error', lost);
    call.on('timeout', () => {
      call.destroy();
      resolve(
        `the daemon on ${control} has not been heard for ${SILENCE_MS / 1000} s: it is stopped or busy`,
      );
    });
    call.on('response', (response) => {
      let text = '';
      let kept = true;
      response.setEncoding('utf8');
      response.on('error', lost);
      response.on('data', (chunk: string) => {
        text += chunk;
        if (response.statusCode !== 200) return;
        const end = text.lastIndexOf('\n\n');
        if (end < 0) return;
        const lines = text
          .slice(0, end)
          .split('\n')
          .flatMap((line) => (line.startsWith('data: ') ? [line.slice('data: '.length)] : []));
        text = text.slice(end + 2);
        onLines(lines, kept);
        kept = false;
      });
      response.on('end', () => resolve(response.statusCode === 200 ? undefined : text.trim()));
    });
    call.end();
  });
}
