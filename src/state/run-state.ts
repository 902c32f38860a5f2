// What one run of the daemon leaves for the next in the state folder: whether an operator has drained the node, and until when sessions were
// up. One small file, written beside the old one and renamed over it; one that cannot be read is as none.

import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { dirname } from 'node:path';

/** A moment that a change of the clock does not move: seconds since the machine started, and which start that was. */
export interface Moment {
  readonly boot: string;
  readonly seconds: number;
}

interface Content {
  readonly format: typeof FORMAT;
  readonly node: string;
  /** ISO 8601, when it was asked for; null while the node is not drained. */
  readonly drainedSince: string | null;
  /** When sessions were up last; null after the daemon has left the network, or before the first session. */
  readonly sessionsAt: Moment | null;
}

export interface RunStateOptions {
  readonly path: string;
  readonly node: string;
  /** Told when writing begins to fail, and with undefined when it works again. */
  readonly onFailure: (message: string | undefined) => void;
  readonly moment?: () => Moment | undefined;
}

const FORMAT = 'mesos-bgp state 1';
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** Does not change while we run. */
let thisBoot: string | undefined;

/** @returns undefined where the system does not say which start it is. */
export function momentNow(): Moment | undefined {
  try {
    thisBoot ??= readFileSync(BOOT_ID, 'utf8').trim();
    return { boot: thisBoot, seconds: uptime() };
  } catch {
    return undefined;
  }
}

/** Its name in the state folder; one for each node, since labs run several on one machine. */
export const runStatePath = (node: string): string => `state-${node.slice(0, 200)}`;

export class RunState {
  readonly #options: RunStateOptions;
  readonly #moment: () => Moment | undefined;
  /** How long before this start sessions were up last, in seconds; undefined: not since the machine started, or never. */
  readonly sessionsAgo: number | undefined;
  #drainedSince: string | null;
  #sessionsAt: Moment | null;
  #writing: Promise<void> = Promise.resolve();
  #failing = false;

  /** Reads what the run before has left. */
  constructor(options: RunStateOptions) {
    this.#options = options;
    this.#moment = options.moment ?? momentNow;
    const left = read(options);
    this.#drainedSince = left?.drainedSince ?? null;
    this.#sessionsAt = left?.sessionsAt ?? null;
    const now = this.#moment();
    const ago =
      left?.sessionsAt?.boot === now?.boot && now && left?.sessionsAt
        ? now.seconds - left.sessionsAt.seconds
        : -1;
    this.sessionsAgo = ago >= 0 ? ago : undefined;
  }

  /** Milliseconds since 1970; undefined while the node is not drained. */
  get drainedSince(): number | undefined {
    return this.#drainedSince === null ? undefined : Date.parse(this.#drainedSince);
  }

  /** @param since  milliseconds since 1970; undefined takes it back. */
  setDrained(since: number | undefined): void {
    this.#drainedSince = since === undefined ? null : new Date(since).toISOString();
    this.#write();
  }

  /** Sessions are up now. */
  sessionsUp(): void {
    this.#sessionsAt = this.#moment() ?? null;
    this.#write();
  }

  /** The daemon leaves the network: the next start is no restart. */
  left(): void {
    this.#sessionsAt = null;
    this.#write();
  }

  /** Resolves when all is written, as far as that can be. */
  close(): Promise<void> {
    return this.#writing;
  }

  #write(): void {
    this.#writing = this.#writing.then(async () => {
      const { path, node, onFailure } = this.#options;
      const content: Content = {
        format: FORMAT,
        node,
        drainedSince: this.#drainedSince,
        sessionsAt: this.#sessionsAt,
      };
      try {
        await writeNew(`${path}.new`, `${JSON.stringify(content)}\n`);
        await rename(`${path}.new`, path);
        if (this.#failing) onFailure(undefined);
        this.#failing = false;
      } catch (error) {
        if (!this.#failing) onFailure((error as Error).message);
        this.#failing = true;
      }
    });
  }
}

/** The folder is made when it is missing, and not asked for otherwise: this is done every few seconds, on threads that have to wake. */
async function writeNew(path: string, text: string): Promise<void> {
  const mode = 0o600;
  try {
    await writeFile(path, text, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { mode });
  }
}

function read({ path, node }: RunStateOptions): Content | undefined {
  try {
    const content = JSON.parse(readFileSync(path, 'utf8')) as Partial<Content> | null;
    if (content?.format !== FORMAT || content.node !== node) return undefined;
    const { drainedSince = null, sessionsAt = null } = content;
    const drained = typeof drainedSince === 'string' && !Number.isNaN(Date.parse(drainedSince));
    const moment = typeof sessionsAt?.boot === 'string' && typeof sessionsAt.seconds === 'number';
    return {
      format: FORMAT,
      node,
      drainedSince: drained ? drainedSince : null,
      sessionsAt: moment ? sessionsAt : null,
    };
  } catch {
    return undefined;
  }
}
