import type { PeerId } from 'bgp-utils';
import { Drain } from '../../../src/control/drain.ts';

const PEER = '10.0.0.2' as PeerId;

function made(unsent: { current: readonly PeerId[] | undefined }) {
  let applied = 0;
  const drain = new Drain({ now: () => 7, apply: () => applied++, unsent: () => unsent.current });
  return { drain, applied: () => applied };
}

describe('a drain', () => {
  it('goes on until nobody waits, and stays drained when something waits again', () => {
    const unsent: { current: readonly PeerId[] | undefined } = { current: undefined };
    const { drain } = made(unsent);
    expect(drain.facts()).toEqual({ state: 'off', since: undefined, waitingFor: [] });
    drain.set(true);
    expect(drain.facts()).toEqual({ state: 'draining', since: 7, waitingFor: [] });
    unsent.current = [PEER];
    expect(drain.facts()).toEqual({ state: 'draining', since: 7, waitingFor: [PEER] });
    unsent.current = [];
    expect(drain.facts().state).toBe('drained');
    unsent.current = [PEER];
    expect(drain.facts()).toEqual({ state: 'drained', since: 7, waitingFor: [] });
    drain.set(false);
    expect(drain.facts().state).toBe('undraining');
    unsent.current = [];
    expect(drain.facts().state).toBe('off');
  });

  it('of an earlier run goes on, and is told when all peers have been sent it', () => {
    let waits: readonly PeerId[] | undefined;
    const drain = new Drain({ now: () => 7, drainedSince: -3000, apply: () => {}, unsent: () => waits });
    expect([drain.wanted, drain.facts()]).toEqual([
      true,
      { state: 'draining', since: -3000, waitingFor: [] },
    ]);
    waits = [];
    expect(drain.facts().state).toBe('drained');
    drain.set(true);
    expect(drain.facts().since).toBe(-3000);
    drain.set(false);
    expect(drain.facts()).toEqual({ state: 'off', since: 7, waitingFor: [] });
  });

  it('that is asked for twice is applied once', () => {
    const { drain, applied } = made({ current: [] });
    drain.set(false);
    expect(applied()).toBe(0);
    drain.set(true);
    drain.set(true);
    expect([applied(), drain.wanted]).toEqual([1, true]);
  });
});
