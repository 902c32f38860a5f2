import {
  compareRevisions,
  type DatastoreStatus,
  inRange,
  prefixRange,
  StatusCell,
} from '../../../src/datastore/datastore.ts';

describe('ranges', () => {
  it.each([
    ['/a/', '/a/x', true],
    ['/a/', '/a/', true],
    ['/a/', '/a/x/y', true],
    ['/a/', '/ab/x', false],
    ['/a/', '/a', false],
    ['/a/', '/a0', false],
  ])('%s holds %s: %s', (start, key, expected) => {
    expect(inRange(prefixRange(start), key)).toBe(expected);
  });
});

describe('revisions', () => {
  it.each([
    ['9', '10', -1],
    ['10', '9', 1],
    ['10', '10', 0],
    ['9007199254740992', '9007199254740993', -1],
  ])('%s against %s', (a, b, sign) => {
    expect(Math.sign(compareRevisions(a, b))).toBe(sign);
  });
});

describe('the status of a datastore', () => {
  it('tells a change of state or error, and no mere revision; "since" is of the state', () => {
    let now = 1000;
    const cell = new StatusCell(() => now);
    const told: DatastoreStatus[] = [];
    const end = cell.listen((status) => told.push(status));
    expect(cell.current).toEqual({
      state: 'connecting',
      revision: '0',
      lastError: undefined,
      since: 1000,
      kept: undefined,
      lists: 0,
      losses: 0,
    });
    now = 2000;
    cell.update({ lastError: 'refused' });
    cell.update({ lastError: 'refused' });
    now = 3000;
    cell.update({ state: 'in-sync', revision: '5', lastError: undefined });
    cell.update({ revision: '6' });
    end();
    cell.update({ state: 'disconnected' });
    expect(told).toMatchObject([
      { state: 'connecting', revision: '0', lastError: 'refused', since: 1000 },
      { state: 'in-sync', revision: '5', lastError: undefined, since: 3000 },
    ]);
    expect(cell.current).toMatchObject({ state: 'disconnected', revision: '6' });
  });
});
