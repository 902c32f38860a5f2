import type { RunState } from '../../../src/state/run-state.ts';
import { SessionsNote } from '../../../src/state/sessions-note.ts';

describe('the note that sessions are up', () => {
  const made = (sessionsAgo?: number) => {
    const said: string[] = [];
    const facts = { now: 0, established: 0 };
    const state = {
      sessionsAgo,
      sessionsUp: () => said.push('up'),
      left: () => said.push('left'),
    } as unknown as RunState;
    const note = new SessionsNote(
      state,
      () => facts.established,
      () => facts.now,
    );
    return { said, facts, note };
  };

  it('is made while there are sessions, and not more often than once a second', () => {
    const { said, facts, note } = made();
    note.note();
    expect(said).toEqual([]);
    facts.established = 3;
    note.note();
    facts.now = 999;
    note.note();
    expect(said).toEqual(['up']);
    facts.now = 1000;
    note.note();
    expect(said).toEqual(['up', 'up']);
  });

  it('is made by itself now and then, until the daemon ends', () => {
    jest.useFakeTimers();
    const { said, facts, note } = made();
    facts.established = 1;
    note.start();
    for (let round = 0; round < 3; round++) {
      facts.now += 5000;
      jest.advanceTimersByTime(5000);
    }
    facts.now += 5000;
    note.stop(false);
    expect(said).toEqual(['up', 'up', 'up', 'up']);
    jest.advanceTimersByTime(60_000);
    note.stop(true);
    expect(said.slice(4)).toEqual(['left']);
    jest.useRealTimers();
  });

  it.each([
    [undefined, [120], false],
    [119, [10, 120], true],
    [121, [10, 120], false],
    [1, [], false],
    [0, [0], false],
  ])('sessions %p s ago, restart times %p: a restart is %p', (ago, seconds, expected) => {
    expect(made(ago).note.isRestart(seconds)).toBe(expected);
  });
});
