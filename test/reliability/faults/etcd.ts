// Loss of the datastore: by itself it changes no session and no route.

import { pause } from '../host.ts';
import { affinityEntry } from '../topology.ts';
import { type Fault, NOTHING_NOTICED, nowhere } from './fault.ts';

const DESIGN = 'what was read last stays in force';

export const ETCD_FAULTS: readonly Fault[] = [
  {
    id: 'etcd-member',
    title: 'one member of etcd killed, back after 1 s',
    design: 'another member is asked',
    at: nowhere,
    expect: NOTHING_NOTICED,
    async act(fleet) {
      const [member] = fleet.etcd.members;
      await member!.kill();
      await pause(1_000);
      await member!.restart();
      await fleet.whole();
    },
  },
  {
    id: 'etcd-all',
    title: 'all members of etcd killed, back after 2 s',
    design: DESIGN,
    at: nowhere,
    expect: NOTHING_NOTICED,
    async act(fleet) {
      await Promise.all(fleet.etcd.members.map((member) => member.kill()));
      await pause(2_000);
      await Promise.all(fleet.etcd.members.map((member) => member.restart()));
      await fleet.whole(60_000);
    },
  },
  {
    id: 'etcd-all-and-restart',
    title: 'all members of etcd killed, and a daemon restarted meanwhile',
    design: 'the picture that the daemon kept serves until etcd is back',
    full: true,
    at: (fleet) => fleet.agents.slice(0, 1),
    expect: NOTHING_NOTICED,
    async act(fleet, [agent]) {
      await Promise.all(fleet.etcd.members.map((member) => member.kill()));
      await agent!.stop('SIGTERM');
      agent!.start();
      await pause(8_000); // it asks etcd for three seconds, then takes the picture
      await Promise.all(fleet.etcd.members.map((member) => member.restart()));
      await fleet.whole(60_000);
    },
  },
  {
    id: 'etcd-restore',
    title: 'etcd restored from the backup of the beginning: lower revisions, and the newest block is lost',
    design: 'read anew, and only the difference changes anything',
    at: nowhere,
    expect: NOTHING_NOTICED,
    async act(fleet) {
      const { members } = fleet.etcd;
      const host = fleet.agents[0]!;
      const block = '10.65.200.0/26';
      await fleet.put(...affinityEntry(host.name, block));
      fleet.moreBlocks.set(host, [block]);
      await fleet.whole();
      await Promise.all(members.map((member) => member.stop()));
      await Promise.all(members.map((member) => member.restore()));
      await Promise.all(members.map((member) => member.restart()));
      fleet.moreBlocks.delete(host);
      await fleet.whole(60_000);
    },
  },
];
