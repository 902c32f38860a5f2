// Loss of reflectors: first graceful restart keeps what they told, then fail-static does.

import type { Fleet } from '../fleet.ts';
import { type Host, pause, polled } from '../host.ts';
import { HOLD_SECONDS, peeringEntry } from '../topology.ts';
import { CUT, type Fault, NONE_LOST, NOTHING_NOTICED, within } from './fault.ts';

const FAIL_STATIC =
  'routes that no live peer tells any more stay while the datastore (or its last picture) confirms their block (fail-static)';

/** A session that was reset is up again, with its routes, within this. */
const SESSION_MS = 1_000;

/** A host that leaves withdraws its own block and removes its kernel routes, as ordered. */
const LEAVER_IS_CUT = { from: CUT, to: CUT, past: NONE_LOST } as const;

const SHORT_SECONDS = 2;

/**
 * Makes all sessions anew with a short restart time, so that a fault can outlast it. It holds until the sessions are made anew once more,
 * whatever the datastore says from now on.
 */
async function shortRestartTime(fleet: Fleet): Promise<void> {
  const lostBefore = new Map<Host, number>();
  for (const host of fleet.hosts) lostBefore.set(host, await sessionsLost(host));
  await fleet.put(...peeringEntry({ maxRestartTime: `${SHORT_SECONDS}s`, sourceAddress: 'None' }));
  for (const host of fleet.hosts) {
    const made = async () => (await sessionsLost(host)) > lostBefore.get(host)!;
    await polled(made, `${host.name} makes its sessions anew`, 20_000);
  }
  await fleet.whole();
}

const sessionsLost = async (host: Host): Promise<number> =>
  ((await host.peers()) ?? []).reduce((sum, { counters }) => sum + counters.lost, 0);

export const REFLECTOR_FAULTS: readonly Fault[] = [
  {
    id: 'one-reflector',
    title: 'one of two reflectors killed, back after 3 s',
    design: 'the other one tells the same',
    at: (fleet) => fleet.reflectors.slice(0, 1),
    expect: NOTHING_NOTICED,
    async act(fleet, [reflector]) {
      await reflector!.stop('SIGKILL');
      await pause(3_000);
      reflector!.start();
      await fleet.whole();
    },
  },
  {
    id: 'one-reflector-leaves',
    title: 'one of two reflectors leaves by Cease (SIGTERM twice), and comes back',
    design: 'the other one tells the same',
    at: (fleet) => fleet.reflectors.slice(0, 1),
    expect: LEAVER_IS_CUT,
    async act(fleet, [reflector]) {
      await reflector!.leave();
      await pause(500);
      reflector!.start();
      await fleet.whole();
    },
  },
  {
    id: 'all-reflectors',
    title: `all reflectors killed, away for longer than the restart time (${SHORT_SECONDS} s here)`,
    design: FAIL_STATIC,
    at: (fleet) => fleet.reflectors,
    expect: NOTHING_NOTICED,
    async act(fleet, reflectors) {
      await shortRestartTime(fleet);
      await Promise.all(reflectors.map((reflector) => reflector.stop('SIGKILL')));
      await fleet.put(...peeringEntry());
      await pause((SHORT_SECONDS + 2) * 1_000);
      for (const reflector of reflectors) reflector.start();
      await fleet.whole();
    },
  },
  {
    id: 'all-reflectors-leave',
    title: 'all reflectors leave by Cease (SIGTERM twice), and come back',
    design: FAIL_STATIC,
    at: (fleet) => fleet.reflectors,
    expect: LEAVER_IS_CUT,
    async act(fleet, reflectors) {
      await Promise.all(reflectors.map((reflector) => reflector.leave()));
      await pause(2_000);
      for (const reflector of reflectors) reflector.start();
      await fleet.whole();
    },
  },
  {
    id: 'all-reflectors-frozen',
    title: 'all reflectors frozen for longer than the hold time',
    design: FAIL_STATIC,
    full: true,
    at: (fleet) => fleet.reflectors,
    expect: NOTHING_NOTICED,
    async act(fleet, reflectors) {
      for (const reflector of reflectors) reflector.signal('SIGSTOP');
      await pause((HOLD_SECONDS + 3) * 1_000);
      for (const reflector of reflectors) reflector.signal('SIGCONT');
      await fleet.whole();
    },
  },
  {
    id: 'all-reflectors-and-etcd',
    title: `all of etcd killed, then all reflectors, away for longer than the restart time (${SHORT_SECONDS} s here)`,
    design: FAIL_STATIC,
    full: true,
    at: (fleet) => fleet.reflectors,
    expect: NOTHING_NOTICED,
    async act(fleet, reflectors) {
      await shortRestartTime(fleet);
      await fleet.put(...peeringEntry());
      await Promise.all(fleet.etcd.members.map((member) => member.kill()));
      await Promise.all(reflectors.map((reflector) => reflector.stop('SIGKILL')));
      await pause((SHORT_SECONDS + 2) * 1_000);
      await Promise.all(fleet.etcd.members.map((member) => member.restart()));
      for (const reflector of reflectors) reflector.start();
      await fleet.whole(60_000);
    },
  },
  {
    id: 'reset-by-hand',
    title: 'sessions of an agent reset by hand, one peer after the other (`mesos-bgp clear`)',
    design:
      'the other reflector tells the same; a reflector itself takes no way from another of its cluster, and waits for the session',
    full: true,
    at: (fleet) => fleet.agents.slice(0, 1),
    expect: { from: NONE_LOST, to: within(SESSION_MS), past: NONE_LOST },
    async act(fleet, [agent]) {
      for (const reflector of fleet.reflectors) {
        for (const address of reflector.place.addresses)
          await agent!.run(process.execPath, agent!.program, 'clear', address, '--reason', 'reliability');
        await polled(async () => (await agent!.status())?.health === 'ok', 'the sessions are back', 30_000);
      }
      await fleet.whole();
    },
  },
];
