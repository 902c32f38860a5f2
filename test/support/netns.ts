// Network namespaces for tests: made with a unique name, joined by veth pairs, removed whatever happens. Needs root (CI has
// it); a missing privilege fails the test that asks, it does not skip it.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

export interface Namespace {
  readonly name: string;
  /** For `openRtnetlink({netns})` and `nsenter --net=`. */
  readonly path: string;
  /** Runs `ip ARGUMENTS` inside. @returns its output. @throws with its message. */
  ip(...argumentList: string[]): string;
  /** Runs any program inside. */
  exec(program: string, ...argumentList: string[]): string;
  remove(): void;
}

const living = new Set<Namespace>();

/** @param label  a few letters that tell namespaces of one test apart. The loopback is up. */
export function makeNamespace(label: string): Namespace {
  const name = `mb-${process.pid}-${label}-${randomBytes(2).toString('hex')}`;
  run('ip', ['netns', 'add', name]);
  const namespace: Namespace = {
    name,
    path: `/run/netns/${name}`,
    ip: (...argumentList) => run('ip', ['-n', name, ...argumentList]),
    exec: (program, ...argumentList) => run('ip', ['netns', 'exec', name, program, ...argumentList]),
    remove: () => {
      if (living.delete(namespace)) run('ip', ['netns', 'delete', name]);
    },
  };
  living.add(namespace);
  namespace.ip('link', 'set', 'lo', 'up');
  return namespace;
}

/** Two interfaces that are each other's cable, both up. @param addresses  with prefix length, of either family. */
export function joinNamespaces(
  one: { readonly namespace: Namespace; readonly interface: string; readonly addresses: readonly string[] },
  other: { readonly namespace: Namespace; readonly interface: string; readonly addresses: readonly string[] },
): void {
  one.namespace.ip(
    ...['link', 'add', one.interface, 'type', 'veth'],
    ...['peer', 'name', other.interface, 'netns', other.namespace.name],
  );
  for (const end of [one, other]) {
    for (const address of end.addresses) {
      // nodad: an IPv6 address that is still being checked cannot be used yet.
      end.namespace.ip(
        'address',
        'add',
        address,
        'dev',
        end.interface,
        ...(address.includes(':') ? ['nodad'] : []),
      );
    }
    end.namespace.ip('link', 'set', end.interface, 'up');
  }
}

/** A single interface that stays up and discards, for kernels without the dummy type: one end of a pair. */
export function addInterface(namespace: Namespace, name: string, ...addresses: string[]): void {
  joinNamespaces(
    { namespace, interface: name, addresses },
    { namespace, interface: `${name}-far`, addresses: [] },
  );
}

export function removeNamespaces(): void {
  for (const namespace of [...living]) namespace.remove();
}

/** Calls until it gives something, with a deadline. @throws with the last thing seen when time is up. */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false,
  deadlineMs = 5000,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const found = probe();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function run(program: string, argumentList: readonly string[]): string {
  try {
    return execFileSync(program, argumentList, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const stderr = (error as { stderr?: string }).stderr ?? String(error);
    throw new Error(`${program} ${argumentList.join(' ')}: ${stderr.trim()}`);
  }
}

process.on('exit', removeNamespaces);
