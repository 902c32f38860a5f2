import { NEVER } from 'bgp-utils';
import { Deadlines } from '../../../../bgp/src/speaker/deadlines.ts';
import { TimedQueue } from '../../../../bgp/src/speaker/timed-queue.ts';
import { Prng } from '../../../../bgp/src/testing/prng.ts';

describe('deadlines', () => {
  const at = new Map<string, number>();
  const make = (entries: Readonly<Record<string, number>>) => {
    at.clear();
    const deadlines = new Deadlines<string>((item) => at.get(item)!);
    for (const [item, deadline] of Object.entries(entries)) {
      at.set(item, deadline);
      deadlines.touch(item);
    }
    return deadlines;
  };

  it('the next is the earliest; NEVER is none', () => {
    expect(make({}).next()).toBe(NEVER);
    expect(make({ a: NEVER, b: 7, c: 5 }).next()).toBe(5);
  });

  it('all that are due are taken once, the earliest first', () => {
    const deadlines = make({ a: 3, b: 1, c: 2, d: 9 });
    const due = deadlines.takeDue(3);
    expect(due).toEqual(['b', 'c', 'a']);
    for (const item of due) at.set(item, 20);
    expect([deadlines.takeDue(3), deadlines.next()]).toEqual([[], 9]);
  });

  it('an item that stays due is due again, and not for ever at once', () => {
    const deadlines = make({ a: 1 });
    expect([deadlines.takeDue(5), deadlines.takeDue(5)]).toEqual([['a'], ['a']]);
  });

  it('a deadline that moved counts where it is now, in both directions', () => {
    const deadlines = make({ a: 5, b: 6 });
    expect(deadlines.next()).toBe(5);
    at.set('a', 10).set('b', 2);
    deadlines.touch('a');
    deadlines.touch('b');
    expect([deadlines.next(), deadlines.takeDue(9)]).toEqual([2, ['b']]);
  });

  it('a deadline that moves on with each message does not make the queue longer', () => {
    const deadlines = make({ a: 5, b: 6 });
    const added = jest.spyOn(TimedQueue.prototype, 'add');
    for (let now = 1; now <= 100; now++) {
      at.set('b', now + 90);
      deadlines.touch('b');
      expect(deadlines.next()).toBe(5);
    }
    expect(added).toHaveBeenCalledTimes(2);
    added.mockRestore();
  });

  it('agrees with looking at each item, whatever moves', () => {
    const random = new Prng(7);
    const deadlines = make({});
    const items = Array.from({ length: 20 }, (_, i) => `${i}`);
    for (let now = 0; now < 3_000; now++) {
      const item = random.pick(items);
      const kind = random.between(0, 9);
      if (kind === 0) {
        deadlines.forget(item);
        at.delete(item);
      } else {
        at.set(item, kind === 1 ? NEVER : now + random.between(1, 60));
        deadlines.touch(item);
      }
      const due = [...at].filter(([, deadline]) => deadline <= now).sort(([, x], [, y]) => x - y);
      expect(deadlines.takeDue(now).map((each) => at.get(each))).toEqual(due.map(([, deadline]) => deadline));
      for (const [each] of due) at.set(each, NEVER); // as taken items, they are touched
      expect(deadlines.next()).toBe(Math.min(...at.values(), NEVER));
    }
  });

  it('what is forgotten is never due, also when it was touched before', () => {
    const deadlines = make({ a: 1, b: 2 });
    deadlines.next();
    deadlines.touch('a');
    deadlines.forget('a');
    expect(deadlines.takeDue(9)).toEqual(['b']);
  });
});

it('a queue gives what was added by time, and in order of one time', () => {
  const random = new Prng(1);
  const queue = new TimedQueue<string>();
  const expected: { at: number; order: number }[] = [];
  const taken: string[] = [];
  for (let order = 0; order < 2_000; order++) {
    const at = random.between(0, 40);
    queue.add(at, `${at} ${order}`);
    expected.push({ at, order });
  }
  while (queue.first !== undefined) taken.push(queue.take()!);
  expected.sort((a, b) => a.at - b.at || a.order - b.order);
  expect(taken).toEqual(expected.map(({ at, order }) => `${at} ${order}`));
  expect([queue.nextAt, queue.take()]).toEqual([undefined, undefined]);
});
