import { type Address, address, NEVER, type Prefix, prefix } from 'bgp-utils';
import { Fib, type FibRoute } from '../../../src/fib/fib.ts';
import { type KernelRoute, type NextHopResolution, PROTOCOL_BGP } from '../../../src/kernel/kernel.ts';
import { listOf, type RouteChange, takeFrom } from '../../support/routes.ts';

const P = prefix('10.65.0.0/26');
const Q = prefix('10.65.0.64/26');
const A = address('10.0.0.2');
const B = address('10.0.0.3');
const onLink: NextHopResolution = {
  reachable: true,
  gateway: undefined,
  interface: 'eth0',
  metric: 0,
  prefix: prefix('10.0.0.0/24'),
};
const behind = (gateway: Address): NextHopResolution => ({ ...onLink, gateway, metric: 5 });
const gone: NextHopResolution = { reachable: false, reason: 'no route' };
const to = (metric: number, ...nextHops: Address[]): FibRoute => ({ type: 'unicast', nextHops, metric });
const blackhole: FibRoute = { type: 'blackhole', metric: 0 };

const route = (key: Prefix, metric: number, ...gateways: Address[]): KernelRoute => ({
  prefix: key,
  type: gateways.length > 0 ? 'unicast' : 'blackhole',
  metric,
  nextHops: gateways.map((gateway) => ({ gateway, interface: 'eth0', weight: 1, onLink: false })),
  protocol: PROTOCOL_BGP,
});

/** Text of a change: `+10.65.0.0/26 1024 10.0.0.2`. */
const text = (change: RouteChange): string => {
  const { prefix: key, metric, type, nextHops } = change.route;
  const where = type === 'blackhole' ? type : nextHops.map((hop) => hop.gateway).join(',');
  return `${change.type === 'replace' ? '+' : '-'}${key} ${metric} ${where}`;
};

/** Takes and confirms until nothing is left. @returns the changes, a list a round. */
function work(fib: Fib, fails: (change: RouteChange) => boolean = () => false, now = 0): string[][] {
  const rounds: string[][] = [];
  for (;;) {
    const { changes, batch } = takeFrom(fib, 100);
    if (changes.length === 0) return rounds;
    rounds.push(changes.map(text));
    const errors = changes.flatMap((change, index) =>
      fails(change) ? [{ index, errno: 1, name: 'EPERM', message: 'refused' }] : [],
    );
    fib.applied(batch, errors, now);
  }
}

/** A Fib that wants a route to A for P, with A and B on the link. */
function installed(metric = 1024): Fib {
  const fib = new Fib();
  fib.want(P, to(metric, A));
  fib.setNextHop(A, onLink);
  work(fib);
  return fib;
}

const stateOf = (fib: Fib, key: Prefix = P) => fib.view(key)[0]?.state;

describe('while changes are on their way to the kernel', () => {
  const refused = [{ index: 0, errno: 1, name: 'EPERM', message: 'refused' }];
  const on = (fib: Fib) => {
    const { changes, batch } = takeFrom(fib, 100);
    return { texts: changes.map(text), land: (errors = refused.slice(1)) => fib.applied(batch, errors, 0) };
  };
  const toA = () => {
    const fib = new Fib();
    for (const hop of [A, B]) fib.setNextHop(hop, onLink);
    fib.want(P, to(1024, A));
    return fib;
  };

  it('no more are made of the same prefix, which counts as pending; others are', () => {
    const fib = toA();
    const first = on(fib);
    expect(first.texts).toEqual([`+${P} 1024 ${A}`]);
    expect([fib.sizes.pending, stateOf(fib)]).toEqual([1, 'pending']);
    fib.want(P, to(1024, B));
    fib.want(Q, to(1024, B));
    expect(on(fib).texts).toEqual([`+${Q} 1024 ${B}`]);
    first.land();
    expect(work(fib)).toEqual([[`+${P} 1024 ${B}`]]);
    expect(stateOf(fib)).toBe('installed');
  });

  it('a prefix that nobody wants any more is held, and its route removed once it is there', () => {
    const fib = toA();
    const { land } = on(fib);
    fib.want(P, undefined);
    const { prefixes } = fib.rows('ipv4');
    const row = prefixes.findPrefix(P);
    expect([row >= 0, prefixes.addPrefix(Q) === row]).toEqual([true, false]);
    land();
    expect(work(fib)).toEqual([[`-${P} 1024 ${A}`]]);
    expect([prefixes.findPrefix(P) >= 0, fib.sizes]).toEqual([
      false,
      { wanted: 0, present: 0, pending: 0, failed: 0, unresolved: 0 },
    ]);
  });

  it('a refusal of what nobody wants any more does not hold up what is wanted now', () => {
    const fib = toA();
    const { land } = on(fib);
    fib.want(P, to(1024, B));
    land(refused);
    expect(fib.sizes.failed).toBe(0);
    expect(work(fib)).toEqual([[`+${P} 1024 ${B}`]]);
    fib.want(P, to(1024, A));
    const again = on(fib);
    again.land(refused);
    expect([stateOf(fib), work(fib)]).toEqual(['failed', []]);
  });

  it('a list that was begun meanwhile says nothing of them', () => {
    const fib = toA();
    const { land } = on(fib);
    fib.beginRescan();
    expect(fib.rescan(listOf([route(P, 1024, B)]))).toBe(0);
    expect([...fib.finishRescan()]).toEqual([]);
    land();
    expect([stateOf(fib), work(fib)]).toEqual(['installed', []]);
  });
});

describe('a route through a tunnel (Calico data model §3.7)', () => {
  const through = (...tunnels: (string | undefined)[]): FibRoute => ({
    type: 'unicast',
    nextHops: [A, B].slice(0, tunnels.length),
    metric: 1024,
    tunnels,
  });
  const hopsOf = (fib: Fib) => {
    const { changes, batch } = takeFrom(fib, 10);
    fib.applied(batch, [], 0);
    return changes.flatMap((change) => change.route.nextHops);
  };

  it('has the next hop itself as gateway on the link of the device, however that is reached', () => {
    const fib = new Fib();
    fib.want(P, through('tunl0'));
    expect(work(fib)).toEqual([]); // not before the next hop is known to be reachable
    fib.setNextHop(A, behind(B));
    expect(hopsOf(fib)).toEqual([{ gateway: A, interface: 'tunl0', weight: 1, onLink: true }]);
  });

  it('may have one next hop in the tunnel and one beside it; another device is another route', () => {
    const fib = new Fib();
    fib.want(P, through('tunl0', undefined));
    fib.setNextHop(A, onLink);
    fib.setNextHop(B, onLink);
    expect(hopsOf(fib)).toEqual([
      { gateway: A, interface: 'tunl0', weight: 1, onLink: true },
      { gateway: B, interface: 'eth0', weight: 1, onLink: false },
    ]);
    fib.want(P, through('tunl0', 'tunl0'));
    expect(hopsOf(fib).map((hop) => hop.interface)).toEqual(['tunl0', 'tunl0']);
  });

  it('resolves no other next hop', () => {
    const fib = new Fib();
    fib.want(P, through('tunl0'));
    fib.setNextHop(A, onLink);
    work(fib);
    expect(fib.directRoute(P)).toBeUndefined();
  });
});

describe('Fib', () => {
  it('installs what is wanted, removes what is no longer, and then forgets the prefix', () => {
    const fib = new Fib();
    fib.want(P, to(1024, A));
    fib.want(Q, blackhole);
    fib.setNextHop(A, onLink);
    expect(work(fib)).toEqual([[`+${Q} 0 blackhole`, `+${P} 1024 ${A}`]]);
    expect(fib.view().map((each) => [each.prefix, each.state])).toEqual([
      [P, 'installed'],
      [Q, 'installed'],
    ]);
    fib.want(P, undefined);
    expect(stateOf(fib)).toBe('removing');
    expect(work(fib)).toEqual([[`-${P} 1024 ${A}`]]);
    expect(fib.view(P)).toEqual([]);
  });

  it('has nothing to do when the same is wanted again', () => {
    const fib = installed();
    fib.want(P, to(1024, A));
    expect(takeFrom(fib, 100).changes).toEqual([]);
  });

  it('does no work for a route that was wanted and unwanted before it was carried out', () => {
    const fib = new Fib();
    fib.want(P, blackhole);
    fib.want(P, undefined);
    expect(takeFrom(fib, 100).changes).toEqual([]);
    expect(fib.sizes).toEqual({ wanted: 0, present: 0, pending: 0, failed: 0, unresolved: 0 });
  });

  it('says of a replacement whether our route is there already', () => {
    const fib = new Fib();
    fib.want(P, blackhole);
    expect(takeFrom(fib, 1).changes).toMatchObject([{ known: false }]);
    const other = installed(0);
    other.want(P, blackhole);
    expect(takeFrom(other, 1).changes).toMatchObject([{ known: true }]);
  });

  it('takes no more prefixes than asked for, the longest waiting first', () => {
    const fib = new Fib();
    for (const key of [P, Q]) fib.want(key, blackhole);
    const { changes, batch } = takeFrom(fib, 1);
    expect(changes.map(text)).toEqual([`+${P} 0 blackhole`]);
    fib.applied(batch, [], 0);
    expect(fib.sizes.pending).toBe(1);
  });

  describe('metric', () => {
    it('adds the route with the new metric before it removes the one with the old', () => {
      const fib = installed(1024);
      fib.want(P, to(512, A));
      expect(work(fib)).toEqual([[`+${P} 512 ${A}`], [`-${P} 1024 ${A}`]]);
      expect(fib.sizes.present).toBe(1);
    });

    it('keeps the old route when the new one is refused', () => {
      const fib = installed(1024);
      fib.want(P, to(512, A));
      expect(work(fib, (change) => change.route.metric === 512)).toEqual([[`+${P} 512 ${A}`]]);
      expect(fib.view(P)).toMatchObject([{ state: 'failed', present: [route(P, 1024, A)] }]);
    });

    it('knows that IPv6 shows no metric as 1024', () => {
      const fib = new Fib();
      const six = prefix('fd65::/122');
      fib.adopt(listOf([route(six, 1024)]));
      fib.want(six, blackhole);
      expect(takeFrom(fib, 100).changes).toEqual([]);
      fib.sweep();
      expect(takeFrom(fib, 100).changes).toEqual([]);
    });
  });

  describe('next hops', () => {
    it('go into the route as the gateway that leads to them, with their interface', () => {
      const fib = new Fib();
      const router = address('10.0.0.254');
      fib.want(P, to(1024, address('172.16.0.9')));
      fib.setNextHop(address('172.16.0.9'), behind(router));
      expect(takeFrom(fib, 1).changes).toMatchObject([{ route: route(P, 1024, router) }]);
    });

    it('that lie behind one router go into the route once', () => {
      const fib = new Fib();
      fib.want(P, to(1024, address('172.16.0.8'), address('172.16.0.9')));
      for (const hop of ['172.16.0.8', '172.16.0.9']) fib.setNextHop(address(hop), behind(A));
      expect(takeFrom(fib, 1).changes).toMatchObject([{ route: route(P, 1024, A) }]);
    });

    it('that resolve are used without those that do not', () => {
      const fib = new Fib();
      fib.want(P, to(1024, A, B));
      fib.setNextHop(A, gone);
      fib.setNextHop(B, onLink);
      expect(work(fib)).toEqual([[`+${P} 1024 ${B}`]]);
      fib.setNextHop(A, onLink);
      expect(work(fib)).toEqual([[`+${P} 1024 ${A},${B}`]]);
      fib.setNextHop(B, gone);
      expect(work(fib)).toEqual([[`+${P} 1024 ${A}`]]);
    });

    it('that are all unreachable keep the route out, take an old one out, and the view says why', () => {
      const fib = installed();
      fib.setNextHop(A, gone);
      expect(stateOf(fib)).toBe('removing');
      expect(work(fib)).toEqual([[`-${P} 1024 ${A}`]]);
      expect(fib.view(P)).toMatchObject([{ state: 'unresolved', reason: `next hop ${A}: no route` }]);
      expect(fib.sizes).toMatchObject({ unresolved: 1, pending: 0, present: 0 });
      fib.setNextHop(A, onLink);
      expect(work(fib)).toEqual([[`+${P} 1024 ${A}`]]);
      expect(fib.sizes.unresolved).toBe(0);
    });

    it('are asked for once, and forgotten when no route uses them', () => {
      const fib = new Fib();
      fib.want(P, to(1024, A, B));
      expect([...fib.unknownNextHops(to(1024, A, B))]).toEqual([A, B]);
      fib.setNextHop(A, onLink);
      expect([...fib.unknownNextHops(to(1024, A, B))]).toEqual([B]);
      fib.want(P, to(1024, A));
      expect([fib.usesNextHop(A), fib.usesNextHop(B)]).toEqual([true, false]);
    });
  });

  describe('routes found at start', () => {
    it('stay as long as nobody speaks of them, and go with the sweep', () => {
      const fib = new Fib();
      fib.adopt(listOf([route(P, 1024, A), route(Q, 0)]));
      expect(fib.view().map((each) => each.state)).toEqual(['adopted', 'adopted']);
      fib.want(P, undefined);
      expect(work(fib)).toEqual([]);
      expect(fib.sweep()).toBe(2);
      expect(work(fib)).toEqual([[`-${P} 1024 ${A}`, `-${Q} 0 blackhole`]]);
    });

    it('are kept as they are when they are what is wanted', () => {
      const fib = new Fib();
      fib.adopt(listOf([route(P, 1024, B, A)]));
      fib.want(P, to(1024, A, B));
      fib.setNextHop(A, onLink);
      fib.setNextHop(B, onLink);
      expect(stateOf(fib)).toBe('installed');
      expect(fib.sweep()).toBe(0);
      expect(work(fib)).toEqual([]);
    });

    it('are replaced in place when something else is wanted', () => {
      const fib = new Fib();
      fib.adopt(listOf([route(P, 1024, A)]));
      fib.want(P, to(1024, B));
      fib.setNextHop(B, onLink);
      expect(work(fib)).toEqual([[`+${P} 1024 ${B}`]]);
    });

    it('go at once when they were wanted and are not any more', () => {
      const fib = new Fib();
      fib.adopt(listOf([route(P, 0)]));
      fib.want(P, blackhole);
      fib.want(P, undefined);
      expect(work(fib)).toEqual([[`-${P} 0 blackhole`]]);
    });
  });

  describe('failed changes', () => {
    const refuse = () => true;

    it('are due again after a second, then twice as long each time, up to a minute', () => {
      const fib = new Fib();
      fib.want(P, blackhole);
      const waits: number[] = [];
      for (let now = 0, i = 0; i < 8; i++) {
        work(fib, refuse, now);
        waits.push((fib.nextRetry() - now) / 1000);
        fib.retry(fib.nextRetry() - 1);
        expect(fib.sizes.pending).toBe(0);
        now = fib.nextRetry();
        fib.retry(now);
        expect(fib.sizes.pending).toBe(1);
      }
      expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    });

    it('are shown with the kernel’s words, and no longer once they succeed', () => {
      const fib = new Fib();
      fib.want(P, blackhole);
      work(fib, refuse);
      expect(fib.view(P)).toMatchObject([{ state: 'failed', reason: 'EPERM: refused', present: [] }]);
      fib.retry(NEVER);
      work(fib);
      expect(fib.view(P)).toMatchObject([{ state: 'installed', reason: undefined }]);
      expect(fib.nextRetry()).toBe(NEVER);
    });

    it('are tried at once when something else is wanted', () => {
      const fib = new Fib();
      fib.want(P, blackhole);
      work(fib, refuse);
      fib.want(P, { type: 'blackhole', metric: 7 });
      expect(work(fib)).toEqual([[`+${P} 7 blackhole`]]);
    });

    it('of removals leave the route counted as present', () => {
      const fib = installed();
      fib.want(P, undefined);
      work(fib, refuse);
      expect(fib.view(P)).toMatchObject([{ state: 'failed', present: [route(P, 1024, A)] }]);
    });
  });

  describe('what others do', () => {
    const rescan = (fib: Fib, routes: readonly KernelRoute[], meanwhile: () => void = () => undefined) => {
      fib.beginRescan();
      let corrected = fib.rescan(listOf(routes));
      meanwhile();
      const finish = fib.finishRescan();
      let step = finish.next();
      while (!step.done) step = finish.next();
      corrected += step.value;
      return corrected;
    };

    it('puts back a route that was removed, whether told or found missing', () => {
      const fib = installed();
      expect(fib.lost(P, 1024, 0, undefined)).toBe(true);
      expect(fib.lost(P, 1024, 0, undefined)).toBe(false);
      expect(work(fib)).toEqual([[`+${P} 1024 ${A}`]]);
      expect(rescan(fib, [])).toBe(1);
      expect(work(fib)).toEqual([[`+${P} 1024 ${A}`]]);
    });

    it('finds nothing to do when all is there', () => {
      const fib = installed();
      expect(rescan(fib, [route(P, 1024, A)])).toBe(0);
      expect(work(fib)).toEqual([]);
    });

    it('repairs a route that was changed', () => {
      const fib = installed();
      expect(rescan(fib, [route(P, 1024, B)])).toBe(1);
      expect(work(fib)).toEqual([[`+${P} 1024 ${A}`]]);
    });

    it('removes a route with our protocol that is not ours, but before the sweep keeps it', () => {
      const fib = new Fib();
      expect(rescan(fib, [route(Q, 0)])).toBe(1);
      expect(work(fib)).toEqual([]);
      fib.sweep();
      expect(work(fib)).toEqual([[`-${Q} 0 blackhole`]]);
      rescan(fib, [route(Q, 3)]);
      expect(work(fib)).toEqual([[`-${Q} 3 blackhole`]]);
    });

    it('does not believe a list about what was changed while it was read', () => {
      const fib = installed();
      const corrected = rescan(fib, [route(P, 1024, A)], () => {
        fib.want(P, undefined);
        fib.want(Q, blackhole);
        work(fib);
      });
      expect(corrected).toBe(0);
      expect(work(fib)).toEqual([]);
      expect(fib.view().map((each) => each.prefix)).toEqual([Q]);
    });
  });

  it('lets next hops of others go through a route whose own next hops are all on the link, once installed', () => {
    const fib = new Fib();
    const all = prefix('0.0.0.0/0');
    fib.want(all, to(1, A));
    fib.setNextHop(A, onLink);
    expect(fib.directRoute(all)).toBeUndefined();
    work(fib);
    expect(fib.directRoute(all)).toMatchObject({ nextHops: [{ gateway: A }] });
    fib.setNextHop(A, behind(B));
    work(fib);
    expect(fib.directRoute(all)).toBeUndefined();
    expect(fib.directRoute(P)).toBeUndefined();
  });

  it('wants nothing on demand: wanted, adopted and unresolved alike', () => {
    const fib = installed();
    fib.adopt(listOf([route(Q, 0)]));
    fib.want(prefix('10.65.0.128/26'), to(1, B));
    fib.wantNothing();
    expect(work(fib)).toEqual([[`-${P} 1024 ${A}`, `-${Q} 0 blackhole`]]);
    expect(fib.sizes).toEqual({ wanted: 0, present: 0, pending: 0, failed: 0, unresolved: 0 });
  });
});
