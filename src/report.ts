// What the daemon says in its log of everything but sessions (those are observe/log.ts): a line a change, with what to do.

import type { Datastore } from './datastore/datastore.ts';
import type { Resolution } from './desired/resolution.ts';
import type { FibLog } from './fib/sync.ts';
import type { Log } from './observe/log.ts';
import type { ListenSpec } from './speaker/listener.ts';

export class Report {
  #problems = new Set<string>();
  #heldBack: string | undefined;

  constructor(private readonly log: Log) {}

  /** From now on. */
  datastore({ name: datastore, status }: Datastore): void {
    status.listen(({ state, revision, lastError, kept }) => {
      const fields = { datastore, revision };
      if (kept !== undefined) {
        const { path, savedAt } = kept;
        const age = Math.round((Date.now() - savedAt) / 1000);
        const why = lastError === undefined ? '' : `: ${lastError}`;
        this.log.warn(
          `datastore ${state}, and the picture that an earlier run kept ${age} s ago serves meanwhile${why}`,
          { ...fields, path, ageSeconds: age },
        );
      } else if (lastError === undefined) this.log.info(`datastore ${state}`, fields);
      else this.log.warn(`datastore ${state}: ${lastError}`, fields);
    });
  }

  /** Each problem once when it comes, and once when it is gone. */
  problems({ problems }: Resolution): void {
    const now = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
    for (const [key, { resource, field, message }] of now) {
      if (!this.#problems.has(key))
        this.log.warn(`${resource}${field && ` ${field}`}: ${message}`, { resource, field });
    }
    for (const key of this.#problems) {
      if (now.has(key)) continue;
      const { resource, field } = JSON.parse(key) as Resolution['problems'][number];
      this.log.info(`${resource}${field && ` ${field}`}: solved`, { resource, field });
    }
    this.#problems = new Set(now.keys());
  }

  heldBack(now: string | undefined): void {
    if (now === this.#heldBack) return;
    this.#heldBack = now;
    if (now === undefined) this.log.info('peerings: nothing is held back any more');
    else this.log.error(now);
  }

  /** @param since  when an earlier run was asked to drain the node, in milliseconds since 1970; undefined: it was not. */
  drained(since: number | undefined): void {
    if (since === undefined) return;
    const at = new Date(since).toISOString();
    this.log.warn(`this node is drained, as it was asked for at ${at}: "mesos-bgp undrain" takes it back`);
  }

  stateFolder(error: string | undefined): void {
    if (error === undefined) this.log.info('the state folder can be written again');
    else
      this.log.warn(
        `a restart will not know of a drain and of sessions that were up: ${error}. See to --state-dir (MESOS_BGP_STATE_DIR)`,
      );
  }

  /** @param error  undefined: it can be written again. */
  picture(error: string | undefined): void {
    if (error === undefined) this.log.info('the picture of the datastore is kept again');
    else
      this.log.warn(
        `the picture of the datastore cannot be kept, so a start needs the datastore: ${error}. See to --state-dir (MESOS_BGP_STATE_DIR)`,
      );
  }

  listening({ family, address, port, device, linkLocalOf }: ListenSpec, error: string | undefined): void {
    const fields = { family, address, port, interface: device ?? linkLocalOf };
    if (error === undefined) this.log.info('listening for BGP', fields);
    else this.log.error(error, fields);
  }

  /** Connections that were closed since the last line of this kind. */
  strangers(count: number, last: string): void {
    this.log.warn(
      `${count} more connections from addresses of no peer were closed, the last from ${last}: give it a BGPPeer here, or stop it there`,
      { count, last },
    );
  }

  fib(event: FibLog): void {
    switch (event.event) {
      case 'routes-adopted':
        return this.log.info(`${event.routes} kernel routes of an earlier run adopted`, event);
      case 'routes-swept':
        return this.log.info(`${event.routes} kernel routes of an earlier run removed`, event);
      case 'routes-failed':
        return this.log.error(`${event.count} routes could not be installed`, event);
      case 'routes-corrected':
        return this.log.warn(
          `${event.routes} kernel routes were changed by someone else, and put right`,
          event,
        );
      case 'no-next-hop-objects':
        return this.log.info(`routes name their next hops one by one: ${event.reason}`, event);
      case 'next-hop-refused':
        return this.log.error(`the kernel does not take a next hop: ${event.message}`, event);
      case 'fight':
        return this.log.error(`kernel route ${event.prefix}: ${event.message}`, event);
      case 'objects-fight':
        return this.log.error(`next-hop objects of the kernel: ${event.message}`, event);
      case 'next-hop':
        return this.log.debug(`next hop ${event.address}`, event);
      case 'kernel-slow':
        return this.log.warn(
          `the kernel has not answered changes of routes for ${event.seconds} s: something holds its lock on them (many interfaces that come or go, a program that lists without end); sessions go on, and what is pending follows`,
          event,
        );
      case 'news-lost':
        return this.log.warn(
          'the kernel sent news faster than it was read: its routes are compared anew',
          event,
        );
    }
  }
}
