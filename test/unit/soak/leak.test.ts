import { type Point, trend } from '../../soak/leak.ts';

const LIMIT = { growth: 4, share: 0.08, warmUpSeconds: 600 };
const HOUR = 3600;
/** Every 10 s for so long. */
const life = (seconds: number, valueAt: (at: number) => number): Point[] =>
  Array.from({ length: seconds / 10 }, (_, index) => ({
    atSeconds: 100 + index * 10,
    value: valueAt(index * 10),
  }));
/** A garbage collector's teeth: up by 6 and back, every 70 s. */
const teeth = (at: number): number => ((at % 70) / 70) * 6;

describe('what a life of a process shows', () => {
  it.each<[string, Point[], string]>([
    ['stays', life(HOUR, () => 30), 'steady'],
    ['goes up and comes back', life(HOUR, (at) => 30 + teeth(at)), 'steady'],
    ['rises by 12 an hour under the teeth', life(HOUR, (at) => 30 + teeth(at) + (at / HOUR) * 12), 'grows'],
    ['rises by 2 an hour, which is less than counts', life(HOUR, (at) => 30 + (at / HOUR) * 2), 'steady'],
    ['rises by 12 from 900, a small share', life(HOUR, (at) => 900 + (at / HOUR) * 12), 'steady'],
    ['warms up and stays', life(HOUR, (at) => 30 + Math.min(at, 600) / 60), 'steady'],
    ['rises ever more slowly', life(HOUR, (at) => 30 + 10 * (1 - Math.exp(-at / 700))), 'steady'],
    ['falls', life(HOUR, (at) => 50 - (at / HOUR) * 12), 'steady'],
    ['has one high plateau in between', life(HOUR, (at) => (at > 1500 && at < 2200 ? 60 : 30)), 'steady'],
    ['goes up by a step in the middle and stays', life(HOUR, (at) => (at > 1700 ? 40 : 30)), 'steady'],
    ['rises, but is too young', life(800, (at) => 30 + at / 10), 'too short'],
    ['has no sample', [], 'too short'],
    ['has one sample', life(10, () => 30), 'too short'],
  ])('%s', (_, points, verdict) => {
    expect(trend(points, LIMIT).verdict).toBe(verdict);
  });

  it('a leak of one descriptor a minute is found in ten minutes', () => {
    const files = life(600, (at) => 26 + Math.floor(at / 60) + (at % 50 === 0 ? 12 : 0));
    const { verdict, perHour } = trend(files, { growth: 3, share: 0.05, warmUpSeconds: 120 });
    expect(verdict).toBe('grows');
    expect(perHour).toBeGreaterThan(45);
    expect(perHour).toBeLessThan(75);
  });

  it('does not look at the gaps where a process was stopped', () => {
    const points = life(HOUR, (at) => 30 + teeth(at)).filter(
      ({ atSeconds }) => atSeconds < 1000 || atSeconds > 1400,
    );
    expect(trend(points, LIMIT).verdict).toBe('steady');
  });
});
