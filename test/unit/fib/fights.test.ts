import { Fights } from '../../../src/fib/fights.ts';

const MINUTE = 60_000;

describe('a fight over a route', () => {
  const waits = (fights: Fights, times: readonly number[]) =>
    times.map((at) => fights.repair('10.65.0.0/26', at).waitMs / 1000);

  it('begins with the third repair within a minute; each waits longer than the last, up to a minute', () => {
    const fights = new Fights();
    expect(waits(fights, [0, 20_000, 40_000])).toEqual([0, 0, 5]);
    expect(waits(fights, [50_000, 65_000, 90_000, 140_000, 210_000])).toEqual([10, 20, 40, 60, 60]);
  });

  it('is told of once', () => {
    const fights = new Fights();
    expect([0, 1, 2, 3, 4].map((at) => fights.repair('a', at).begins)).toEqual([
      false,
      false,
      true,
      false,
      false,
    ]);
    expect([fights.count(5), fights.repair('b', 5).begins]).toEqual([1, false]);
  });

  it('is none where repairs are more than half a minute apart', () => {
    expect(waits(new Fights(), [0, 31_000, 62_000, 93_000])).toEqual([0, 0, 0, 0]);
  });

  it('is over after five quiet minutes', () => {
    const fights = new Fights();
    waits(fights, [0, 1, 2]);
    expect(fights.count(5 * MINUTE)).toBe(1);
    expect(fights.count(6 * MINUTE)).toBe(0);
    expect(waits(fights, [6 * MINUTE])).toEqual([0]);
  });
});
