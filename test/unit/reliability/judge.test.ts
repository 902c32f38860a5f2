import { CUT, type Expectation, NONE_LOST, within } from '../../reliability/faults/fault.ts';
import { FAULTS } from '../../reliability/faults/index.ts';
import { cellsOf, type FlowOutcome, failuresOf } from '../../reliability/judge.ts';

const flow = (
  lost: number,
  gapMs: number,
  changes: Partial<FlowOutcome> = {},
  droppedHere = 0,
): FlowOutcome => ({
  name: 'a → b IPv4',
  family: 'IPv4',
  path: 'from',
  measured: {
    sent: 1_000,
    lost,
    gapMs,
    duplicates: 0,
    droppedHere,
    outages: lost > 0 ? [{ atMs: 5, lost, gapMs }] : [],
  },
  ...changes,
});

const failures = (flows: readonly FlowOutcome[], expected: Expectation, circumstances = {}) =>
  failuresOf(
    flows,
    { from: expected, to: NONE_LOST, past: NONE_LOST },
    { cutMs: 0, stalledMs: 0, machineDropped: 0, ...circumstances },
  );

describe('whether the design is met', () => {
  it.each<[string, FlowOutcome, Expectation, object, string | undefined]>([
    ['nothing lost, none allowed', flow(0, 1), NONE_LOST, {}, undefined],
    ['held up, but not lost', flow(0, 900), NONE_LOST, {}, undefined],
    ['one lost', flow(1, 2), NONE_LOST, {}, '1 packets lost, where none should be (1 at 5 ms, for 2 ms)'],
    ['lost in the prober', flow(3, 4, {}, 3), NONE_LOST, {}, undefined],
    ['dropped by the machine', flow(3, 4), NONE_LOST, { machineDropped: 3 }, undefined],
    ['within the bound and its margin', flow(240, 250), within(100), {}, undefined],
    ['beyond', flow(250, 251), within(100), {}, 'a gap of 251 ms, where 250 ms is the most'],
    ['beyond, the machine stood still', flow(250, 251), within(100), { stalledMs: 1 }, undefined],
    ['beyond, what the fault cut', flow(700, 701), within(100), { cutMs: 451 }, undefined],
    ['cut', flow(1_000, 1_000), CUT, {}, undefined],
  ])('%s', (_, outcome, expected, circumstances, failure) => {
    const found = failures([outcome], expected, circumstances);
    if (failure === undefined) expect(found).toEqual([]);
    else expect(found).toEqual([expect.stringContaining(`a → b IPv4: ${failure}`)]);
  });

  it('is not when nothing was sent, and each path has a design of its own', () => {
    const { measured } = flow(0, 0);
    const silent = flow(0, 0, { measured: { ...measured, sent: 0 } });
    expect(failures([silent], CUT)).toEqual([expect.stringContaining('no packet was sent')]);
    expect(failures([flow(5, 6, { path: 'to' })], CUT)).toHaveLength(1);
  });
});

describe('the table', () => {
  it('has sums of lost packets, and the longest gap, by family and path', () => {
    const flows = [flow(1, 2), flow(3, 9), flow(5, 6, { path: 'to' }), flow(7, 8, { family: 'IPv6' })];
    expect(cellsOf(flows)).toEqual([
      { family: 'IPv4', path: 'from', sent: 2_000, lost: 4, gapMs: 9 },
      { family: 'IPv4', path: 'to', sent: 1_000, lost: 5, gapMs: 6 },
      { family: 'IPv6', path: 'from', sent: 1_000, lost: 7, gapMs: 8 },
    ]);
  });

  it('has each fault once', () => {
    expect(new Set(FAULTS.map(({ id }) => id)).size).toBe(FAULTS.length);
    expect(new Set(FAULTS.map(({ title }) => title)).size).toBe(FAULTS.length);
  });
});
