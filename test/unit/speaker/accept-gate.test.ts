import { address } from 'bgp-utils';
import {
  AcceptGate,
  PEERS_A_SECOND,
  STRANGERS_AT_ONCE,
  WAITING_OF_ONE,
  WAITING_OF_RANGES,
} from '../../../src/speaker/accept-gate.ts';

const [A, B] = [address('10.0.0.1'), address('10.0.0.2')];

/** A gate whose whole second's worth peers have taken at 0. */
function busyGate(): AcceptGate<string> {
  const gate = new AcceptGate<string>();
  for (let i = 0; i < PEERS_A_SECOND; i++) expect(gate.arrive(`${i}`, A, true, 0)).toBe('now');
  return gate;
}

describe('AcceptGate', () => {
  it('lets peers in as they come, up to a second’s worth at once', () => {
    const gate = busyGate();
    expect(gate.arrive('late', A, true, 0)).toBe('waits');
    expect(gate.counts).toEqual({ strangers: 0, delayed: 1, overflows: 0 });
    expect(gate.next(0)).toBeUndefined();
    expect(gate.next(1)).toBe('late'); // a thousandth of a second later
    expect(gate.waiting).toBe(0);
  });

  it('lets addresses in by turns: a storm of one does not keep the others out', () => {
    const gate = busyGate();
    for (const each of ['a1', 'a2', 'a3']) gate.arrive(each, A, true, 0);
    gate.arrive('b1', B, true, 0);
    const order = [1, 2, 3, 4].map((ms) => gate.next(ms));
    expect(order).toEqual(['a1', 'b1', 'a2', 'a3']);
  });

  it('lets nobody overtake those that wait', () => {
    const gate = busyGate();
    gate.arrive('first', A, true, 0);
    expect(gate.arrive('second', B, true, 500)).toBe('waits');
    expect([gate.next(500), gate.next(500)]).toEqual(['first', 'second']);
  });

  it('keeps a few of one address waiting, and no more', () => {
    const gate = busyGate();
    for (let i = 0; i < WAITING_OF_ONE; i++) expect(gate.arrive(`${i}`, A, true, 0)).toBe('waits');
    expect(gate.arrive('one more', A, true, 0)).toBe('overflow');
    expect(gate.arrive('another', B, true, 0)).toBe('waits');
    expect(gate.counts).toMatchObject({ overflows: 1 });
    expect(gate.clear()).toHaveLength(WAITING_OF_ONE + 1);
    expect(gate.waiting).toBe(0);
  });

  it('a host with any number of addresses of a range neither shuts out nor holds up a peer that is configured by itself', () => {
    const gate = busyGate();
    for (let i = 0; i < WAITING_OF_RANGES; i++) {
      const from = address(`10.65.${i >> 8}.${i & 255}`);
      expect(gate.arrive('swarm', from, true, 0, true)).toBe('waits');
    }
    expect(gate.arrive('swarm', address('10.66.0.1'), true, 0, true)).toBe('overflow');
    expect(gate.arrive('peer', A, true, 0)).toBe('waits');
    expect([gate.next(1), gate.next(2)]).toEqual(['peer', 'swarm']);
    expect(gate.arrive('peer', A, true, 3)).toBe('now');
    expect(gate.arrive('swarm', address('10.66.0.1'), true, 4, true)).toBe('waits');
    expect(gate.clear()).toHaveLength(WAITING_OF_RANGES);
    expect(gate.waiting).toBe(0);
  });

  it('lets a few strangers through to be told no, and counts the others; peers do not notice', () => {
    const gate = new AcceptGate<string>();
    for (let i = 0; i < STRANGERS_AT_ONCE; i++) expect(gate.arrive('x', A, false, 0)).toBe('now');
    for (let i = 0; i < 5000; i++) expect(gate.arrive('x', A, false, 10)).toBe('stranger');
    expect(gate.counts).toEqual({ strangers: 5000, delayed: 0, overflows: 0 });
    expect(gate.arrive('peer', B, true, 10)).toBe('now');
    expect(gate.arrive('x', A, false, 5010)).toBe('now');
    expect(gate.arrive('x', A, false, 5010)).toBe('stranger');
  });
});
