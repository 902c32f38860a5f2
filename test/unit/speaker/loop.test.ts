import type { ConnectionId, Input, Output } from 'bgp-utils';
import { SpeakerLoop } from '../../../src/speaker/loop.ts';

const CONNECTION = 1 as ConnectionId;
const RECEIVED: Input = { type: 'Received', connection: CONNECTION, octets: new Uint8Array(0) };

/** A loop around a speaker that only counts, on a clock that only this file moves. */
function setup(outputs: Output[] = []) {
  const seen = {
    inputs: [] as string[],
    octets: 0,
    sent: [] as ConnectionId[],
    received: [] as Uint8Array[],
    from: [] as ConnectionId[],
    asked: 0,
    deadline: Number.POSITIVE_INFINITY,
    reading: [] as string[],
    rests: false,
    toForward: 0,
    /** Messages that wait for a connection, as many as it has room for. */
    waiting: 0,
    forwarded: [] as number[],
  };
  let now = 1000;
  let costMs = 0;
  let sendCostMs = 0;
  const loop = new SpeakerLoop({
    speaker: {
      handle: (input) => {
        seen.inputs.push(input.type);
        if (input.type === 'Received') {
          seen.octets += input.octets.length;
          seen.received.push(input.octets);
          seen.from.push(input.connection);
        }
        now += costMs;
      },
      hasBacklog: false,
      isSettled: true,
      get rests() {
        return seen.rests;
      },
      forward: (_visit, limit = Number.POSITIVE_INFINITY) => {
        const told = Math.min(limit, seen.toForward);
        seen.forwarded.push(told);
        seen.toForward -= told;
        now += 3;
        return seen.toForward > 0;
      },
      take: () => outputs.splice(0),
      transmit: (connection) => {
        seen.sent.push(connection);
        now += sendCostMs;
        if (seen.waiting === 0) return [];
        seen.waiting--;
        return [new Uint8Array(19)];
      },
      nextDeadline: () => {
        seen.asked++;
        return seen.deadline;
      },
    },
    clock: { now: () => now },
    tcp: {
      connect: () => {},
      room: () => seen.waiting,
      write: () => {},
      close: () => {},
      pause: () => void seen.reading.push('pause'),
      resume: () => void seen.reading.push('resume'),
    },
    forwarding: {
      want: () => {},
      trackNextHop: () => {},
      releaseNextHop: () => {},
      flush: () => {},
      sweep: () => {},
    },
    onLog: () => {},
    onConverged: () => {},
  });
  return {
    loop,
    seen,
    cost: (ms: number) => (costMs = ms),
    sendCost: (ms: number) => (sendCostMs = ms),
    pass: (ms: number) => (now += ms),
    turn: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

describe('SpeakerLoop', () => {
  const KIB = 1024;

  /** Octets read in each of the next turns. */
  async function readIn(turns: number, { seen, turn }: ReturnType<typeof setup>): Promise<number[]> {
    const read: number[] = [];
    for (let i = 0; i < turns; i++) {
      const before = seen.octets;
      await turn();
      read.push((seen.octets - before) / KIB);
    }
    return read;
  }

  it('reads 4 KiB in the first turn, and twice as much after each short one, up to 256 KiB', async () => {
    const bench = setup();
    bench.loop.received(CONNECTION, new Uint8Array(1024 * KIB));
    expect(bench.seen.octets).toBe(4 * KIB);
    expect(await readIn(8, bench)).toEqual([8, 16, 32, 64, 128, 256, 256, 256]);
    bench.loop.stop();
  });

  it('reads half as much after a turn of more than 20 ms, but never less than 4 KiB', async () => {
    const bench = setup();
    bench.loop.received(CONNECTION, new Uint8Array(1024 * KIB));
    await readIn(4, bench);
    bench.cost(25); // for each piece of 16 KiB or less
    expect(await readIn(5, bench)).toEqual([16, 8, 4, 4, 4]);
    bench.cost(0);
    expect(await readIn(3, bench)).toEqual([4, 8, 16]);
    bench.loop.stop();
  });

  it('keeps what has to wait, in order, with its connection paused', async () => {
    const { loop, seen, turn } = setup();
    const piece = Uint8Array.from({ length: 3 * KIB }, (_, i) => i / 64);
    for (let i = 0; i < 3; i++) loop.received(CONNECTION, new Uint8Array(piece));
    expect(seen.octets).toBe(4 * KIB);
    expect(seen.reading).toEqual(['pause', 'pause']);
    await turn();
    expect(seen.reading.at(-1)).toBe('resume');
    expect(Buffer.concat(seen.received)).toEqual(Buffer.concat(Array(3).fill(piece)));
    loop.stop();
  });

  it('hands over prefixes for forwarding for 6 ms a turn, and goes on in the next', async () => {
    const outputs: Output[] = [{ type: 'Forward' }];
    const { loop, seen, turn } = setup(outputs);
    seen.toForward = 2200;
    loop.feed(RECEIVED);
    const turns: number[][] = [];
    for (let i = 0; i < 4; i++) {
      await turn();
      turns.push(seen.forwarded.splice(0));
      outputs.splice(0, 1, { type: 'Forward' }); // which the speaker says as long as there are some
    }
    expect(turns).toEqual([[512, 512], [512, 512], [152], []]);
    loop.stop();
  });

  it('hands over all of them before what nobody wants may go', async () => {
    const { loop, seen, turn } = setup([{ type: 'Converged', waitedFor: [], gaveUpOn: [] }]);
    seen.toForward = 10_000;
    loop.feed(RECEIVED);
    await turn();
    expect(seen.toForward).toBe(0);
    loop.stop();
  });

  it('may be given octets in an array that is written over at once', async () => {
    const { loop, seen, turn } = setup();
    const shared = new Uint8Array(20 * KIB).fill(1);
    loop.received(CONNECTION, shared);
    shared.fill(2);
    await turn();
    await turn();
    const rest = Buffer.concat(seen.received.slice(1));
    expect(rest).toEqual(Buffer.alloc(rest.length, 1));
    expect(seen.octets).toBe(20 * KIB);
    loop.stop();
  });

  it('reads for 10 ms a turn, and at least something', async () => {
    const bench = setup();
    bench.loop.received(CONNECTION, new Uint8Array(1024 * KIB));
    await readIn(6, bench);
    bench.cost(6); // for each 16 KiB
    expect((await readIn(1, bench))[0]).toBe(2 * 16);
    bench.loop.stop();
  });

  it('goes round: a table does not keep the octets of others waiting', async () => {
    const { loop, seen, turn } = setup();
    const other = 2 as ConnectionId;
    loop.received(CONNECTION, new Uint8Array(1 << 20));
    loop.received(other, new Uint8Array(19));
    expect(seen.from).not.toContain(other);
    await turn();
    await turn();
    expect(seen.from).toContain(other);
    expect(seen.octets).toBeLessThan(1 << 20);
    loop.stop();
  });

  it('tells what a lost connection had sent before it tells the loss', () => {
    const { loop, seen } = setup();
    loop.received(CONNECTION, new Uint8Array(600 * 1024));
    loop.disconnected(CONNECTION, 'closed by the peer');
    expect(seen.octets).toBe(600 * 1024);
    expect(seen.inputs.at(-1)).toBe('Disconnected');
    loop.stop();
  });

  it('sets a timer for the first deadline, and none anew while deadlines move on', async () => {
    const timers = jest.spyOn(globalThis, 'setTimeout');
    const { loop, seen, pass, turn } = setup();
    for (let i = 0; i < 10; i++) {
      seen.deadline = 1000 + 1000 * (i + 1);
      loop.feed(RECEIVED);
      await turn();
    }
    expect(timers).toHaveBeenCalledTimes(1);
    pass(1000);
    const end = Date.now() + 5000;
    while (seen.asked <= 10 && Date.now() < end) await turn(); // the timer for the first comes, and finds nothing due
    expect(seen.asked).toBeGreaterThan(10);
    expect(seen.inputs).not.toContain('Tick');
    expect(timers).toHaveBeenCalledTimes(2);
    timers.mockRestore();
    loop.stop();
  });

  it('gives a Tick when the deadline has come', async () => {
    const { loop, seen, pass, turn } = setup();
    seen.deadline = 1005;
    loop.feed(RECEIVED);
    await turn();
    pass(10);
    const end = Date.now() + 5000;
    while (!seen.inputs.includes('Tick') && Date.now() < end) await turn();
    expect(seen.inputs).toEqual(['Received', 'Tick']);
    loop.stop();
  });

  it('leaves the turn out where nothing follows from what was read, and no deadline came nearer', async () => {
    const { loop, seen, turn } = setup();
    const read = async () => {
      loop.received(CONNECTION, new Uint8Array(19));
      await turn();
      return loop.turns;
    };
    seen.deadline = 60_000;
    seen.rests = true;
    expect(await read()).toBe(1); // no timer runs yet
    expect(await read()).toBe(1);
    seen.deadline = 70_000;
    expect(await read()).toBe(1);
    seen.deadline = 50_000;
    expect(await read()).toBe(2);
    expect(await read()).toBe(2);
    seen.rests = false;
    expect(await read()).toBe(3);
    loop.stop();
  });

  it('sees a deadline that came nearer', async () => {
    const { loop, seen, pass, turn } = setup();
    loop.feed(RECEIVED);
    await turn();
    seen.deadline = 1001;
    loop.feed(RECEIVED);
    await turn();
    pass(30);
    const end = Date.now() + 5000;
    while (!seen.inputs.includes('Tick') && Date.now() < end) await turn();
    expect(seen.inputs.filter((type) => type === 'Tick')).toHaveLength(1);
    loop.stop();
  });

  it('says how long the longest turn of the last minute was', async () => {
    const { loop, cost, pass, turn } = setup();
    cost(7);
    loop.feed(RECEIVED);
    loop.feed(RECEIVED);
    await turn();
    expect(loop.longestTurnMs()).toBe(14);
    pass(60_000);
    expect(loop.longestTurnMs()).toBe(14);
    pass(120_000);
    expect(loop.longestTurnMs()).toBe(0);
    loop.stop();
  });

  it('counts no time in which nothing happened before a connection drained', async () => {
    const { loop, seen, pass, turn } = setup();
    loop.feed(RECEIVED);
    await turn();
    pass(30_000);
    loop.drained(CONNECTION);
    await turn();
    expect(seen.sent).toEqual([CONNECTION]);
    expect(loop.longestTurnMs()).toBe(0);
    loop.stop();
  });
});

describe('SpeakerLoop, sending', () => {
  const many = Array.from({ length: 10 }, (_, i) => (i + 1) as ConnectionId);

  it('sends for 10 ms a turn, and to the next ones in the next', async () => {
    const { loop, seen, sendCost, turn } = setup(
      many.map((connection) => ({ type: 'Transmit', connection })),
    );
    sendCost(4);
    loop.feed(RECEIVED);
    await turn();
    expect(seen.sent).toEqual(many.slice(0, 3));
    for (let i = 0; i < 3; i++) await turn();
    expect(seen.sent).toEqual(many);
    loop.stop();
  });

  it('ends with the time also where one connection takes all that there is, and goes on behind the others', async () => {
    const [one, other] = [1, 2] as ConnectionId[];
    const { loop, seen, sendCost, turn } = setup();
    seen.waiting = 5;
    sendCost(4);
    loop.drained(one!);
    loop.drained(other!);
    await turn();
    expect(seen.sent).toEqual([1, 1, 1]);
    await turn();
    expect(seen.sent.slice(3)).toEqual([2, 2, 1]);
    loop.stop();
  });

  it('sends what was to be heard before a connection closes', async () => {
    const closing = many.at(-1)!;
    const { loop, seen, sendCost, turn } = setup([
      ...many.map((connection) => ({ type: 'Transmit' as const, connection })),
      { type: 'Close', connection: closing, lastOctets: undefined, reason: 'test' },
    ]);
    sendCost(4);
    loop.feed(RECEIVED);
    await turn();
    expect(seen.sent[0]).toBe(closing);
    loop.stop();
  });

  it('sends everything before the end', () => {
    const { loop, seen, sendCost } = setup(many.map((connection) => ({ type: 'Transmit', connection })));
    sendCost(4);
    loop.feed(RECEIVED);
    loop.settle();
    expect(seen.sent).toEqual(many);
    loop.stop();
  });
});
