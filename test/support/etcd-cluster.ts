// Three members of one etcd cluster, as tests kill, stop and cut them.

import { type EtcdOptions, freePorts, TestEtcd, until } from './etcd.ts';

export class TestEtcdCluster {
  private constructor(readonly members: readonly TestEtcd[]) {}

  /** @returns when all members answer. */
  static async start(size = 3, options: EtcdOptions = {}): Promise<TestEtcdCluster> {
    const peerPorts = await freePorts(size);
    const cluster = peerPorts.map((port, index) => `m${index}=http://127.0.0.1:${port}`).join(',');
    const members = await Promise.all(
      peerPorts.map((peerPort, index) =>
        TestEtcd.prepare({ ...options, member: { name: `m${index}`, peerPort, cluster } }),
      ),
    );
    const made = new TestEtcdCluster(members);
    try {
      await Promise.all(members.map((member) => member.restart()));
    } catch (error) {
      await made.cleanup();
      throw error;
    }
    return made;
  }

  get endpoints(): readonly string[] {
    return this.members.map(({ endpoint }) => endpoint);
  }

  /** Who leads, as that member itself says, once one does. */
  async leader(): Promise<TestEtcd> {
    let found: TestEtcd | undefined;
    await until(async () => {
      for (const member of this.members) if (await leads(member)) found = member;
      return found !== undefined;
    }, 'the cluster has a leader');
    return found!;
  }

  async cleanup(): Promise<void> {
    for (const member of this.members) member.thaw();
    await Promise.all(this.members.map((member) => member.cleanup()));
  }
}

async function leads({ endpoint }: TestEtcd): Promise<boolean> {
  try {
    const answer = await fetch(`${endpoint}/v3/maintenance/status`, {
      method: 'POST',
      body: '{}',
      signal: AbortSignal.timeout(1000),
    });
    const { leader, header } = (await answer.json()) as {
      leader?: string;
      header?: { member_id?: string };
    };
    return leader !== undefined && leader === header?.member_id;
  } catch {
    return false; // it is down
  }
}
