import { address } from 'bgp-utils';
import { NextHops } from '../../../../bgp/src/rib/next-hop.ts';

const A = address('10.0.0.1');
const B = address('10.0.0.2');
const none = { started: [], stopped: [] };

describe('next hops', () => {
  it('are asked for with their first use and given up with their last', () => {
    const hops = new NextHops();
    hops.retain(A);
    hops.retain(A);
    hops.retain(B);
    expect(hops.takeChanges()).toEqual({ started: [A, B], stopped: [] });
    hops.release(A);
    expect(hops.takeChanges()).toEqual(none);
    hops.release(A);
    expect(hops.takeChanges()).toEqual({ started: [], stopped: [A] });
    expect([hops.size, hops.takeChanges()]).toEqual([1, none]);
  });

  it('that go and come back within a turn were never gone, and keep their answer', () => {
    const hops = new NextHops();
    hops.retain(A);
    hops.takeChanges();
    hops.tell(A, 5);
    hops.release(A);
    hops.retain(A);
    expect([hops.takeChanges(), hops.cost(A)]).toEqual([none, 5]);
  });

  it('that come and go within a turn are not asked for', () => {
    const hops = new NextHops();
    hops.retain(A);
    hops.release(A);
    expect([hops.takeChanges(), hops.size, hops.unanswered]).toEqual([none, 0, 0]);
  });

  it('that are given up are unknown when they come back', () => {
    const hops = new NextHops();
    hops.retain(A);
    hops.tell(A, 5);
    hops.release(A);
    hops.takeChanges();
    hops.retain(A);
    expect([hops.cost(A), hops.unanswered]).toEqual([undefined, 1]);
    expect(hops.takeChanges()).toEqual({ started: [A], stopped: [] });
  });

  it('say whether an answer is news, and count those without any: "does not resolve" is an answer', () => {
    const hops = new NextHops();
    expect(hops.tell(A, 1)).toBe(false);
    hops.retain(A);
    hops.retain(B);
    expect(hops.unanswered).toBe(2);
    expect([hops.tell(A, undefined), hops.tell(A, undefined), hops.unanswered]).toEqual([true, false, 1]);
    expect([hops.tell(B, 0), hops.unanswered]).toEqual([true, 0]);
    expect([hops.tell(B, 0), hops.tell(B, 1), hops.tell(B, undefined)]).toEqual([false, true, true]);
  });

  it('may not be released more often than retained', () => {
    const hops = new NextHops();
    hops.retain(A);
    hops.release(A);
    expect(() => hops.release(A)).toThrow(/invariant/);
    expect(() => hops.release(B)).toThrow(/invariant/);
  });
});
