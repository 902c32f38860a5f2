import { decide } from '../../../../bgp/src/rib/decision.ts';
import { type CandidateFacts, candidate } from '../../../support/rib.ts';

const names = (list: readonly CandidateFacts[], maxPaths = 1) => {
  const candidates = list.map(candidate);
  const { best, multipath, removedBy } = decide(candidates, maxPaths);
  return {
    best: candidates.indexOf(best),
    multipath: multipath.map((each) => candidates.indexOf(each)),
    removedBy: candidates.map((each) => removedBy.get(each)),
  };
};

describe('each step alone (RFC 4271 §9.1.2, RFC 4456 §9)', () => {
  it.each<[string, CandidateFacts, CandidateFacts]>([
    ['locally originated', { kind: 'local' }, { kind: 'external', localPref: 900 }],
    [
      'locally originated, and yields to a higher LOCAL_PREF',
      { kind: 'internal', localPref: 201 },
      { kind: 'local', localPref: 900, yieldsAbove: 200 },
    ],
    ['locally originated', { kind: 'local', yieldsAbove: 200 }, { kind: 'internal', localPref: 200 }],
    ['degree of preference (LOCAL_PREF)', { localPref: 200 }, { localPref: 100, asPath: [] }],
    ['AS_PATH length', { asPath: [1] }, { asPath: [1, 2] }],
    ['ORIGIN', { origin: 0 }, { origin: 2 }],
    ['MULTI_EXIT_DISC', { multiExitDisc: 5 }, { multiExitDisc: 6 }],
    ['MULTI_EXIT_DISC', {}, { multiExitDisc: 1 }], // missing is 0 (§9.1.2.2 c)
    ['external over internal', { kind: 'external' }, { kind: 'internal' }],
    ['interior cost', { interiorCost: 1 }, { interiorCost: 2 }],
    ['BGP Identifier', { bgpIdentifier: '9.0.0.1' }, { bgpIdentifier: '10.0.0.1' }],
    ['CLUSTER_LIST length', { clusterList: 1 }, { clusterList: 2 }],
    ['peer address', { peerAddress: '10.0.0.9' }, { peerAddress: '10.0.0.10' }],
    ['path identifier', { pathId: 1 }, { pathId: 2 }],
  ])('%s', (step, better, worse) => {
    expect(names([worse, better])).toEqual({ best: 1, multipath: [1], removedBy: [step, undefined] });
    expect(names([better, worse])).toEqual({ best: 0, multipath: [0], removedBy: [undefined, step] });
  });
});

describe('AS_PATH length (§9.1.2.2 a)', () => {
  it('a set counts as one, confederation segments as none (RFC 5065 §5.3)', () => {
    const set = candidate({ asPath: [{ type: 'AS_SET', asNumbers: [1, 2, 3] }] }).set;
    const confederation = candidate({
      asPath: [
        { type: 'AS_CONFED_SEQUENCE', asNumbers: [1, 2] },
        { type: 'AS_CONFED_SET', asNumbers: [1, 2] },
        { type: 'AS_SEQUENCE', asNumbers: [7, 8] },
      ],
    }).set;
    expect([set.asPathLength, confederation.asPathLength]).toEqual([1, 2]);
  });
});

describe('MULTI_EXIT_DISC (§9.1.2.2 c)', () => {
  it('is compared between routes from one neighbouring AS only', () => {
    const { removedBy } = names([
      { asPath: [1, 9], multiExitDisc: 50, peerAddress: '10.0.0.1' },
      { asPath: [2, 9], multiExitDisc: 0, peerAddress: '10.0.0.2' },
    ]);
    expect(removedBy).toEqual([undefined, 'peer address']);
  });

  it('removes routes before they meet others: the order of arrival has no say', () => {
    // Compared in pairs: b beats a (MED), c beats b (external), a beats c (identifier): a circle.
    const a: CandidateFacts = { asPath: [1], multiExitDisc: 10, kind: 'external', bgpIdentifier: '1.0.0.1' };
    const b: CandidateFacts = { asPath: [1], multiExitDisc: 5, kind: 'internal', bgpIdentifier: '1.0.0.2' };
    const c: CandidateFacts = { asPath: [2], multiExitDisc: 0, kind: 'external', bgpIdentifier: '1.0.0.3' };
    for (const order of [
      [a, b, c],
      [b, c, a],
      [c, a, b],
      [c, b, a],
      [b, a, c],
      [a, c, b],
    ]) {
      expect(order[names(order).best]).toBe(c);
    }
  });

  it('the neighbouring AS is the first of a sequence, past confederation segments; an aggregate is our own', () => {
    const neighbor = (facts: CandidateFacts) => candidate(facts).set.neighborAs;
    expect([
      neighbor({ asPath: [7, 8] }),
      neighbor({ asPath: [] }),
      neighbor({
        asPath: [
          { type: 'AS_CONFED_SEQUENCE', asNumbers: [1] },
          { type: 'AS_SEQUENCE', asNumbers: [7] },
        ],
      }),
      neighbor({
        asPath: [
          { type: 'AS_SET', asNumbers: [1] },
          { type: 'AS_SEQUENCE', asNumbers: [7] },
        ],
      }),
    ]).toEqual([7, 0, 7, 0]);
  });
});

describe('multipath', () => {
  const equal = ['10.0.0.3', '10.0.0.1', '10.0.0.2'].map((peerAddress) => ({ peerAddress }));
  it('holds what equals the best up to the interior cost, the best first, then by peer address', () => {
    expect(names([...equal, { interiorCost: 1 }], 16)).toMatchObject({ best: 1, multipath: [1, 2, 0] });
    expect(names([{ peerAddress: '10.0.0.1', bgpIdentifier: '10.0.0.2' }, ...equal], 16)).toMatchObject({
      best: 2,
      multipath: [2, 0, 3, 1],
    });
  });

  it('holds no more than asked for, and which does not depend on the order of arrival', () => {
    expect(names(equal, 2).multipath).toEqual([1, 2]);
    expect(names([...equal].reverse(), 2).multipath).toEqual([1, 0]);
  });
});
