// The watch on a stream that we hold in our own hands: what etcd may say on it, in which order, and what it may leave out.

import type { Change, Result, WatchEnd } from '../../../src/datastore/datastore.ts';
import { EtcdWatch, type WatchResponse, type WatchStream } from '../../../src/datastore/etcd-watch.ts';
import { until } from '../../support/etcd.ts';

const START = {
  range: { start: '/a/', end: '/a0' },
  after: { store: '1', revision: '5' },
};

class FakeStream implements WatchStream {
  readonly written: { create_request?: object; progress_request?: object }[] = [];
  cancelled = false;
  #listeners = new Map<string, (value: never) => void>();
  on(event: string, listener: (value: never) => void): void {
    this.#listeners.set(event, listener);
  }
  write(request: object): void {
    this.written.push(request);
  }
  cancel = (): void => {
    this.cancelled = true;
  };
  say(response: Partial<WatchResponse> & { revision: string }): void {
    const whole: WatchResponse = {
      header: { revision: response.revision },
      watch_id: '1',
      created: false,
      canceled: false,
      compact_revision: '0',
      cancel_reason: '',
      fragment: false,
      events: [],
      ...response,
    };
    this.#listeners.get('data')!(whole as never);
  }
  progressAsked = () => this.written.some(({ progress_request }) => progress_request !== undefined);
}

const put = (revision: string) => ({
  type: 'Put',
  kv: { key: Buffer.from('/a/1'), value: Buffer.from(revision), mod_revision: revision },
});

describe('the watch on a raw stream', () => {
  let stream: FakeStream;
  let watch: EtcdWatch;
  let told: { changes: readonly Change[]; revision: string }[];
  let ended: WatchEnd | undefined;
  let started: number;
  /** What the cluster's leader says. */
  let cluster: Result<string>;
  let asked: number;

  const open = (heartbeatMs = 1e6, deadlineMs = 1e5) => {
    watch = new EtcdWatch(
      [START],
      {
        started: () => void started++,
        changed: (_, changes, revision) => void told.push({ changes, revision }),
        ended: (end) => {
          ended = end;
        },
      },
      {
        heartbeatMs,
        deadlineMs,
        random: () => 0,
        revision: async () => {
          asked++;
          return cluster;
        },
      },
    );
    watch.run(stream);
  };
  beforeEach(() => {
    stream = new FakeStream();
    told = [];
    ended = undefined;
    started = 0;
    asked = 0;
    cluster = { ok: true, value: '5' };
  });
  afterEach(() => watch.close());

  it('asks for what follows the position, and starts when etcd has agreed', () => {
    open();
    expect(stream.written).toMatchObject([{ create_request: { start_revision: '6', fragment: true } }]);
    expect(started).toBe(0);
    stream.say({ created: true, revision: '9' });
    expect([started, told]).toEqual([1, []]);
  });

  it('tells fragments together, with the revision of the last', () => {
    open();
    stream.say({ created: true, revision: '9' });
    stream.say({ events: [put('6')], fragment: true, revision: '9' });
    expect(told).toEqual([]);
    stream.say({ events: [put('7')], revision: '9' });
    expect(told.map(({ revision, changes }) => [revision, changes.length])).toEqual([['7', 2]]);
  });

  it('is content while it hears as much as the cluster has', async () => {
    open(1);
    stream.say({ created: true, revision: '5' });
    await until(() => asked >= 3, 'three heartbeats');
    expect([ended, stream.progressAsked()]).toEqual([undefined, false]);
  });

  it('that heard less asks for progress, and goes on when it comes', async () => {
    open(1);
    stream.say({ created: true, revision: '5' });
    cluster = { ok: true, value: '8' };
    await until(() => stream.progressAsked(), 'progress is asked for');
    stream.say({ watch_id: '-1', revision: '8' });
    expect([ended, told]).toEqual([undefined, []]);
  });

  it('ends where the cluster goes on and this member tells nothing', async () => {
    open(1, 20);
    stream.say({ created: true, revision: '5' });
    cluster = { ok: true, value: '8' };
    await until(() => ended !== undefined, 'it ends');
    expect(ended).toMatchObject({
      reason: 'lost',
      message: expect.stringMatching(/nothing after revision 5.*at 8/),
    });
    expect(stream.cancelled).toBe(true);
  });

  it('ends where nobody answers the heartbeat', async () => {
    open(1);
    stream.say({ created: true, revision: '5' });
    cluster = { ok: false, error: { reason: 'unavailable', message: 'no answer' } };
    await until(() => ended !== undefined, 'it ends');
    expect(ended).toEqual({ reason: 'lost', message: 'no answer' });
  });

  it.each([
    ['compaction', { compact_revision: '12' }, 'compacted', /up to 12/],
    ['a reason', { cancel_reason: 'no leader' }, 'lost', /no leader/],
    ['no reason', {}, 'lost', /no reason given/],
  ])('cancelled for %s: says so', (_, response, reason, message) => {
    open();
    stream.say({ canceled: true, revision: '9', ...response });
    expect(ended).toMatchObject({ reason, message: expect.stringMatching(message) });
  });

  it('that is not confirmed in time ends', async () => {
    open(1e6, 5);
    await until(() => ended !== undefined, 'it ends');
    expect(ended).toMatchObject({ reason: 'lost', message: expect.stringContaining('did not confirm') });
  });
});
