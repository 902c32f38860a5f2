// The structured log: JSON lines on stderr, one a change of state. What the speaker reports becomes a line by one table.
// Secrets have no place in it: passwords are never handed in, and the names they would have are masked all the same.

import type { LogEvent } from 'bgp-utils';
import { type DestinationStream, destination, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';

export type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** Fields of a line: data, with the unit in the name. An Error goes under `err`. */
export type Fields = Readonly<Record<string, unknown>>;

export interface Log {
  readonly trace: (message: string, fields?: Fields) => void;
  readonly debug: (message: string, fields?: Fields) => void;
  readonly info: (message: string, fields?: Fields) => void;
  readonly warn: (message: string, fields?: Fields) => void;
  readonly error: (message: string, fields?: Fields) => void;
  readonly fatal: (message: string, fields?: Fields) => void;
  /** What the speaker's Log output says. */
  readonly event: (event: LogEvent) => void;
  /** A log whose lines all have these fields. */
  readonly child: (fields: Fields) => Log;
  readonly enabled: (level: Level) => boolean;
  /** From now on; logs made by `child` before keep theirs. */
  readonly setLevel: (level: Level) => void;
}

export interface LogOptions {
  readonly level: Level | 'silent';
  /** On every line, such as the node's name. */
  readonly fields?: Fields;
  /** Where lines go; stderr unless told. */
  readonly to?: DestinationStream;
  /** Told each line as well, as it is written. */
  readonly onLine?: (line: string) => void;
}

const SECRETS = ['password', 'secret'].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/**
 * Lines are written at once, so that the last ones before a crash are there too, and no worker thread is needed (it would
 * cost more memory than all of the log). A level below `info` on a slow terminal slows the daemon: that is the trade.
 */
export function createLog({ level, fields = {}, to, onLine }: LogOptions): Log {
  const out = to ?? destination({ fd: 2, sync: true });
  const logger = pino(
    {
      level,
      base: { ...fields },
      // Times people can read; levels by name, as `jq 'select(.level == "error")'` wants them.
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'message',
      redact: { paths: SECRETS, censor: '(not shown)' },
    },
    onLine === undefined
      ? out
      : {
          write: (line) => {
            out.write(line);
            onLine(line);
          },
        },
  );
  return wrap(logger);
}

function wrap(logger: PinoLogger): Log {
  const at =
    (level: Level) =>
    (message: string, fields: Fields = {}): void =>
      logger[level](fields, message);
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    event: (event) => {
      const { level, message } = describeEvent(event);
      logger[level](event, message);
    },
    child: (fields) => wrap(logger.child(fields)),
    enabled: (level) => logger.isLevelEnabled(level),
    setLevel: (level) => {
      logger.level = level;
    },
  };
}

/** How each event of the speaker reads. Losing a session is a warning; the way to one is for those who look closely. */
export function describeEvent(event: LogEvent): { readonly level: Level; readonly message: string } {
  switch (event.event) {
    case 'session': {
      const important = event.to === 'Established' || event.from === 'Established';
      const why = event.reason === '' ? '' : `, ${event.reason}`;
      const message = `peer ${event.peer}: ${event.from} → ${event.to}${why}`;
      return { level: event.from === 'Established' ? 'warn' : important ? 'info' : 'debug', message };
    }
    case 'notification-sent':
    case 'notification-received': {
      const direction = event.event === 'notification-sent' ? 'sent to' : 'received from';
      const text = event.text === '' ? '' : `: ${event.text}`;
      return { level: 'warn', message: `NOTIFICATION ${direction} ${event.peer}: ${event.name}${text}` };
    }
    case 'update-error':
      return {
        level: 'warn',
        message: `UPDATE from ${event.peer}: ${event.attribute}: ${event.detail}; ${event.outcome} (RFC 7606)`,
      };
    case 'graceful-restart': {
      const family = event.family === undefined ? '' : `, ${event.family}`;
      return {
        level: 'info',
        message: `graceful restart with ${event.peer}${family}: ${event.step}, ${event.routes} routes`,
      };
    }
    case 'fail-static': {
      const of = event.peer === undefined ? '' : ` of ${event.peer}`;
      const why = event.reason === '' ? '' : `: ${event.reason}`;
      const what = {
        kept: `${event.routes} ${event.family} routes${of} stay, although nobody is left who could tell them${why}`,
        removed: `${event.routes} ${event.family} routes${of} that had stayed are removed${why}`,
        over: `${event.family} routes are all told by live peers again, or gone`,
      }[event.step];
      return { level: event.step === 'kept' ? 'warn' : 'info', message: `fail static: ${what}` };
    }
    case 'max-prefixes': {
      const { peer, family, received, limit } = event;
      return {
        level: 'warn',
        message: `peer ${peer}: ${received} ${family} prefixes, the limit is ${limit}`,
      };
    }
    case 'not-advertised':
      return { level: 'warn', message: `${event.prefix} is not advertised: ${event.reason}` };
    case 'connection-refused':
      return { level: 'info', message: `connection from ${event.address} refused: ${event.reason}` };
    default:
      return assertNever(event);
  }
}

function assertNever(event: never): never {
  throw new Error(`invariant: a log event that the table does not know: ${JSON.stringify(event)}`);
}
