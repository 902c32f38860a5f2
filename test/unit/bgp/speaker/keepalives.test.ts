// KEEPALIVEs of many peers that go together, counted on a clock that only this file moves.

import { MESSAGE_TYPE } from '../../../../bgp/src/wire/constants.ts';
import { InProcessReflector } from '../../../bench/in-process.ts';

/** A third of the bench's hold time of 90 s. */
const INTERVAL_MS = 30_000;
const LEAST_MS = 0.75 * INTERVAL_MS;
/** Behind marker and length (§4.1). */
const TYPE_AT = 18;
/** The core sends no more of them at once. */
const TOGETHER = 256;

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

/** A reflector whose clients came up over an interval, this many at a time, with when each was sent KEEPALIVEs. */
function reflector(clients: number, eachTime: number) {
  const core = new InProcessReflector(clients);
  const sent: number[][] = upTo(clients).map(() => []);
  core.onWrite = (client, octets) => {
    if (octets[TYPE_AT] === MESSAGE_TYPE.KEEPALIVE) sent[client]!.push(core.time);
  };
  const times = Math.ceil(clients / eachTime);
  for (let time = 0; time < times; time++) {
    core.connect(upTo(clients).slice(time * eachTime, (time + 1) * eachTime));
    core.pass(INTERVAL_MS / times);
  }
  /** Intervals in which all clients keep their sessions up. @returns the wakes of the last one. */
  const intervals = (count: number): number => {
    let ticks = 0;
    for (let i = 0; i < count; i++) {
      core.keepAlive(upTo(clients));
      ticks = core.pass(INTERVAL_MS);
    }
    return ticks;
  };
  /** From one KEEPALIVE to the next of the same client. */
  const gaps = (): number[] => sent.flatMap((times) => times.slice(1).map((at, i) => at - times[i]!));
  return { core, sent, intervals, gaps };
}

describe('KEEPALIVEs', () => {
  it.each([
    [1, 1],
    [10, 1],
    [500, 5],
    [500, 500],
    [2000, 40],
  ])(
    'to %i peers that came up %i at a time are never late, and never earlier than jitter allows (RFC 4271 §10)',
    (clients, eachTime) => {
      const { intervals, gaps, core } = reflector(clients, eachTime);
      intervals(20);
      expect(core.speaker.counts().established).toBe(clients);
      const all = gaps();
      expect(all.length).toBeGreaterThanOrEqual(19 * clients);
      expect(Math.min(...all)).toBeGreaterThanOrEqual(LEAST_MS - 1);
      expect(Math.max(...all)).toBeLessThanOrEqual(INTERVAL_MS + 1);
    },
  );

  it('of 500 peers wake the process a few times an interval, and not 500 times', () => {
    const { intervals } = reflector(500, 5);
    expect(intervals(20)).toBeLessThanOrEqual(8);
  });

  it('of groups of peers that came up apart come to go together', () => {
    const { intervals } = reflector(100, 10);
    expect(intervals(60)).toBeLessThanOrEqual(2);
  });

  it('are no more than jitter alone would make them: an eighth above one an interval', () => {
    const { intervals, sent } = reflector(200, 10);
    intervals(10);
    const before = sent.map(({ length }) => length);
    intervals(80);
    const most = Math.max(...sent.map(({ length }, at) => length - before[at]!));
    expect(most).toBeLessThanOrEqual(80 * 1.16);
  });

  it('leave in bounded number at one moment', () => {
    const { intervals, sent } = reflector(1000, 1000);
    intervals(5);
    const atOnce = new Map<number, number>();
    for (const at of sent.flatMap((times) => times.slice(1))) atOnce.set(at, (atOnce.get(at) ?? 0) + 1);
    expect(Math.max(...atOnce.values())).toBeLessThanOrEqual(TOGETHER);
  });
});
