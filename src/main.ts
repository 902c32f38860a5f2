#!/usr/bin/env node
// The program: gives the command line to cli/ and the outside of the process with it. The daemon and the reader of the
// datastore are loaded when a command needs them, so that `mesos-bgp status` does not pay for rxjs and etcd.

import { hostname } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { version } from '../package.json';
import { main } from './cli/main.ts';

const { stdout, stderr, env, argv } = process;

// For developers, not for operators, whose log has a line of JSON for each event: gRPC names an IP address in TLS (DEP0123).
process.noDeprecation = true;

// `mesos-bgp routes | head` closes the pipe early: no fault of ours, and not worth a stack trace.
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
}

main(argv.slice(2), {
  env,
  host: hostname(),
  terminal: {
    width: stdout.isTTY ? stdout.columns : undefined,
    // https://no-color.org: set and not empty.
    colour: stdout.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb',
  },
  print: (text) => void stdout.write(text),
  say: (line) => void stderr.write(`${line}\n`),
  run: async (config) => {
    // V8 doubles its space for young objects under load and never gives it back: 30 MB for nothing. Ours die young enough
    // for the space that it starts with (docs/performance.md).
    setFlagsFromString('--semi-space-growth-factor=1');
    // A daemon that rests between changes runs each function so seldom that V8 takes hours to compile it well; at half the number
    // of calls a single change is passed on in three quarters of the time.
    setFlagsFromString('--interrupt-budget=30000');
    // The way of a route is layers of functions of a few lines, which V8 does not all put into one another by itself: a warm table takes
    // some four per cent less CPU so. More of the same (--max-inlined-bytecode-size-cumulative) costs memory, and the first load.
    setFlagsFromString('--max-inlined-bytecode-size-small=120');
    return (await import('./app.ts')).runDaemon(config);
  },
  resolve: async (config) => (await import('./resolve.ts')).resolveOnce(config),
  version,
}).then(
  (code) => {
    // Not exit(): what was written to a pipe is still on its way.
    process.exitCode = code;
  },
  (error: unknown) => {
    stderr.write(
      `mesos-bgp: a bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exitCode = 70; // sysexits.h: internal software error
  },
);
