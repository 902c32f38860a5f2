import { type Action, address } from 'bgp-utils';
import { applyActions, prependAsPath } from '../../../../bgp/src/policy/actions.ts';
import { sequence } from '../../../support/rib.ts';

describe('actions', () => {
  const attributes = { origin: 0 as const, asPath: sequence(65001), communities: [5, 1] };
  it.each<[string, Action[], object]>([
    ['set LOCAL_PREF', [{ type: 'SetLocalPref', value: 7 }], { ...attributes, localPref: 7 }],
    [
      'add communities, sorted and once each',
      [{ type: 'AddCommunities', values: [3, 5] }],
      { ...attributes, communities: [1, 3, 5] },
    ],
    [
      'add large communities, sorted and once each',
      [
        { type: 'AddLargeCommunities', values: [[2, 0, 1]] },
        {
          type: 'AddLargeCommunities',
          values: [
            [2, 0, 1],
            [1, 9, 9],
          ],
        },
      ],
      {
        ...attributes,
        largeCommunities: [
          [1, 9, 9],
          [2, 0, 1],
        ],
      },
    ],
    [
      'remove communities, and the attribute with the last',
      [{ type: 'RemoveCommunities', values: [1, 5, 9] }],
      { origin: 0, asPath: sequence(65001) },
    ],
    [
      'set communities',
      [{ type: 'SetCommunities', values: [9, 8, 9] }],
      { ...attributes, communities: [8, 9] },
    ],
    [
      'remove and set large communities',
      [
        {
          type: 'SetLargeCommunities',
          values: [
            [1, 2, 3],
            [4, 5, 6],
          ],
        },
        { type: 'RemoveLargeCommunities', values: [[1, 2, 3]] },
      ],
      { ...attributes, largeCommunities: [[4, 5, 6]] },
    ],
    [
      'add, remove and set extended communities',
      [
        { type: 'SetExtendedCommunities', values: ['0002fde800000002'] },
        { type: 'AddExtendedCommunities', values: ['0002fde800000001', '0002fde800000002'] },
        { type: 'RemoveExtendedCommunities', values: ['0002fde800000002'] },
      ],
      { ...attributes, extendedCommunities: ['0002fde800000001'] },
    ],
    ['set MED', [{ type: 'SetMultiExitDisc', value: 4 }], { ...attributes, multiExitDisc: 4 }],
    [
      'take MED off',
      [
        { type: 'SetMultiExitDisc', value: 4 },
        { type: 'SetMultiExitDisc', value: undefined },
      ],
      attributes,
    ],
    [
      'set the next hop',
      [{ type: 'SetNextHop', address: address('10.0.0.9') }],
      { ...attributes, nextHop: { address: '10.0.0.9' } },
    ],
    [
      'prepend to AS_PATH',
      [{ type: 'PrependAsPath', asNumbers: [65000, 65000] }],
      { ...attributes, asPath: sequence(65000, 65000, 65001) },
    ],
    [
      'are taken in order',
      [
        { type: 'SetLocalPref', value: 7 },
        { type: 'SetLocalPref', value: 8 },
      ],
      { ...attributes, localPref: 8 },
    ],
  ])('%s', (_name, actions, expected) => {
    const before = structuredClone(attributes);
    expect(applyActions(attributes, actions)).toEqual(expected);
    expect(attributes).toEqual(before);
  });
});

describe('prepending (RFC 4271 §5.1.2)', () => {
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
  it('joins a sequence that has room, and starts one where there is none', () => {
    expect(prependAsPath([], [9])).toEqual(sequence(9));
    expect(prependAsPath(sequence(1, 2), [9])).toEqual(sequence(9, 1, 2));
    expect(prependAsPath([{ type: 'AS_SET', asNumbers: [1] }], [9])).toEqual([
      { type: 'AS_SEQUENCE', asNumbers: [9] },
      { type: 'AS_SET', asNumbers: [1] },
    ]);
  });

  it('starts a new segment when the first one holds 255', () => {
    expect(prependAsPath(sequence(...numbers(254)), [9])[0]!.asNumbers.length).toBe(255);
    expect(prependAsPath(sequence(...numbers(255)), [9]).map(({ asNumbers }) => asNumbers.length)).toEqual([
      1, 255,
    ]);
  });

  it('splits what is longer than a segment', () => {
    const path = prependAsPath(sequence(7), numbers(600));
    expect(path.map(({ asNumbers }) => asNumbers.length)).toEqual([90, 255, 255, 1]);
    expect(path.flatMap(({ asNumbers }) => asNumbers)).toEqual([...numbers(600), 7]);
  });
});
