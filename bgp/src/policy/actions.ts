// What actions make of an attribute set.

import { assertNever } from '../net/assert.ts';
import type { AsPath, LargeCommunity, PathAttributes } from '../wire/attribute/path-attributes.ts';
import type { Action, Match } from './policy.ts';

/** The condition of a term that looks at what the action changes. */
export function changes(action: Action): keyof Match {
  switch (action.type) {
    case 'SetLocalPref':
      return 'localPref';
    case 'SetMultiExitDisc':
      return 'multiExitDisc';
    case 'SetNextHop':
      return 'nextHop';
    case 'PrependAsPath':
      return 'asPath';
    case 'AddCommunities':
    case 'RemoveCommunities':
    case 'SetCommunities':
      return 'communities';
    case 'AddLargeCommunities':
    case 'RemoveLargeCommunities':
    case 'SetLargeCommunities':
      return 'largeCommunities';
    case 'AddExtendedCommunities':
    case 'RemoveExtendedCommunities':
    case 'SetExtendedCommunities':
      return 'extendedCommunities';
    default:
      return assertNever(action);
  }
}

/** Communities that were changed come out sorted and without duplicates; an empty list is no attribute. */
export const applyActions = (attributes: PathAttributes, actions: readonly Action[]): PathAttributes =>
  actions.reduce(applyAction, attributes);

function applyAction(attributes: PathAttributes, action: Action): PathAttributes {
  const { communities = [], largeCommunities = [], extendedCommunities = [] } = attributes;
  switch (action.type) {
    case 'SetLocalPref':
      return { ...attributes, localPref: action.value };
    case 'SetMultiExitDisc': {
      const { multiExitDisc: _, ...rest } = attributes;
      return action.value === undefined ? rest : { ...rest, multiExitDisc: action.value };
    }
    case 'SetNextHop':
      return { ...attributes, nextHop: { address: action.address } };
    case 'PrependAsPath':
      return { ...attributes, asPath: prependAsPath(attributes.asPath, action.asNumbers) };
    case 'AddCommunities':
      return withList(attributes, 'communities', standard([...communities, ...action.values]));
    case 'RemoveCommunities':
      return withList(attributes, 'communities', standard(without(communities, action.values)));
    case 'SetCommunities':
      return withList(attributes, 'communities', standard(action.values));
    case 'AddLargeCommunities':
      return withList(attributes, 'largeCommunities', large([...largeCommunities, ...action.values]));
    case 'RemoveLargeCommunities': {
      const gone = new Set(action.values.map(String));
      const left = largeCommunities.filter((value) => !gone.has(String(value)));
      return withList(attributes, 'largeCommunities', large(left));
    }
    case 'SetLargeCommunities':
      return withList(attributes, 'largeCommunities', large(action.values));
    case 'AddExtendedCommunities':
      return withList(attributes, 'extendedCommunities', texts([...extendedCommunities, ...action.values]));
    case 'RemoveExtendedCommunities':
      return withList(attributes, 'extendedCommunities', texts(without(extendedCommunities, action.values)));
    case 'SetExtendedCommunities':
      return withList(attributes, 'extendedCommunities', texts(action.values));
    default:
      return assertNever(action);
  }
}

type Lists = 'communities' | 'largeCommunities' | 'extendedCommunities';

function withList<K extends Lists>(
  attributes: PathAttributes,
  key: K,
  values: NonNullable<PathAttributes[K]>,
): PathAttributes {
  const { [key]: _, ...rest } = attributes;
  return values.length === 0 ? (rest as PathAttributes) : { ...(rest as PathAttributes), [key]: values };
}

const without = <T>(values: readonly T[], gone: readonly T[]): T[] =>
  values.filter((value) => !gone.includes(value));

const standard = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b);
const texts = (values: readonly string[]): string[] => [...new Set(values)].sort();
const large = (values: readonly LargeCommunity[]): LargeCommunity[] =>
  [...new Map(values.map((value) => [String(value), value])).values()].sort(
    (x, y) => x[0] - y[0] || x[1] - y[1] || x[2] - y[2],
  );

/** A segment holds 255 numbers at most (RFC 4271 §5.1.2 b: then a new segment is prepended). */
const SEGMENT_MAX = 255;

export function prependAsPath(path: AsPath, asNumbers: readonly number[]): AsPath {
  if (asNumbers.length > SEGMENT_MAX) {
    const nearest = prependAsPath(path, asNumbers.slice(-SEGMENT_MAX));
    return prependAsPath(nearest, asNumbers.slice(0, -SEGMENT_MAX));
  }
  const first = path[0];
  if (first?.type === 'AS_SEQUENCE' && first.asNumbers.length + asNumbers.length <= SEGMENT_MAX) {
    return [{ type: 'AS_SEQUENCE', asNumbers: [...asNumbers, ...first.asNumbers] }, ...path.slice(1)];
  }
  return [{ type: 'AS_SEQUENCE', asNumbers }, ...path];
}
