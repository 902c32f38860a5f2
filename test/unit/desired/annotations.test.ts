import { MAX_PREFIXES, ROLE_SETTING } from '../../../src/desired/annotations.ts';
import { stateOf, type TestCluster } from '../../support/calico.ts';

describe('annotations', () => {
  const base: TestCluster = {
    nodes: { a: { v4: '10.0.0.1' } },
    config: {},
    peers: { p: { peerIP: '10.0.0.254', asNumber: 1 } },
  };
  const hold = (annotations: TestCluster['annotations']) => {
    const state = stateOf({ ...base, annotations: annotations! }, 'a');
    return [state.peers[0]!.holdTimeSeconds, state.resolution.problems.length];
  };

  it('the nearest wins: BGPPeer, Node, BGPConfiguration', () => {
    const of = (text: string) => ({ 'mesos-bgp/hold-time': text });
    expect(hold({ 'BGPConfiguration/default': of('30s') })).toEqual([30, 0]);
    expect(hold({ 'BGPConfiguration/default': of('30s'), 'Node/a': of('40s') })).toEqual([40, 0]);
    expect(
      hold({ 'BGPConfiguration/default': of('30s'), 'Node/a': of('40s'), 'BGPPeer/p': of('1m') }),
    ).toEqual([60, 0]);
  });

  it.each([
    ['0s', 0, 0],
    ['3s', 3, 0],
    ['2s', 90, 1],
    ['65536s', 90, 1],
    ['ten', 90, 1],
    ['90', 90, 1],
  ])('mesos-bgp/hold-time %j is %d s, problems %d', (text, seconds, problems) => {
    expect(hold({ 'BGPPeer/p': { 'mesos-bgp/hold-time': text } })).toEqual([seconds, problems]);
  });

  it.each([
    ['1s', 1, 60],
    ['5m', 300, 300],
  ])('mesos-bgp/connect-retry %s', (text, first, max) => {
    const [peer] = stateOf(
      { ...base, annotations: { 'Node/a': { 'mesos-bgp/connect-retry': text } } },
      'a',
    ).peers;
    expect(peer).toMatchObject({ connectRetrySeconds: first, connectRetryMaxSeconds: max });
  });

  it.each([
    ['0s', 0, 0],
    ['500ms', 0.5, 0],
    ['240s', 240, 0],
    ['5m', 0, 1],
    ['10ms', 0, 1],
    ['yes', 0, 1],
  ])('mesos-bgp/delay-open %j is %d s, problems %d', (text, seconds, problems) => {
    const state = stateOf({ ...base, annotations: { 'BGPPeer/p': { 'mesos-bgp/delay-open': text } } }, 'a');
    expect(state.peers[0]!.delayOpenSeconds).toBe(seconds);
    expect(state.resolution.problems.length).toBe(problems);
  });

  it('mesos-bgp/passive and max-paths', () => {
    const state = stateOf(
      {
        ...base,
        annotations: {
          'BGPPeer/p': { 'mesos-bgp/passive': 'true' },
          'Node/a': { 'mesos-bgp/max-paths': '4' },
        },
      },
      'a',
    );
    expect(state.peers[0]!.passive).toBe(true);
    expect(state.resolution.peers[0]!.passive).toBe(true);
    expect(state.speaker!.maxPaths).toBe(4);
  });

  it('a wrong one is told once, however many peers it concerns', () => {
    const nodes = { a: { v4: '10.0.0.1' }, b: { v4: '10.0.0.2' }, c: { v4: '10.0.0.3' } };
    const state = stateOf({ nodes, annotations: { 'Node/a': { 'mesos-bgp/hold-time': 'x' } } }, 'a');
    expect(state.resolution.problems).toEqual([
      {
        resource: 'Node/a',
        field: 'metadata.annotations[mesos-bgp/hold-time]',
        message: expect.stringContaining('3s to 65535s'),
      },
    ]);
  });

  const read = <T>(row: { readonly parse: (text: string) => T | undefined }, text: string) => row.parse(text);

  it.each([
    ['1000', { limit: 1000, warningOnly: false, restartSeconds: undefined }],
    ['1000,warning', { limit: 1000, warningOnly: true, restartSeconds: undefined }],
    ['1000, restart=5m', { limit: 1000, warningOnly: false, restartSeconds: 300 }],
    ['0', undefined],
    ['4294967296', undefined],
    ['1000,', undefined],
    ['1000,restart=', undefined],
    ['1000,restart=5m,warning', undefined],
    ['many', undefined],
  ])('mesos-bgp/max-prefixes %j', (text, expected) => {
    expect(read(MAX_PREFIXES, text)).toEqual(expected);
  });

  it.each([
    ['provider', { role: 'provider', strict: false }],
    ['rs-client,strict', { role: 'rs-client', strict: true }],
    ['toString', undefined],
    ['peer,strict,strict', undefined],
    ['peer,lax', undefined],
  ])('mesos-bgp/role %j', (text, expected) => {
    expect(read(ROLE_SETTING, text)).toEqual(expected);
  });

  it('mesos-bgp/extended-messages, role, max-prefixes and long-lived-stale-time reach the session', () => {
    const peer = (annotations: Record<string, string>) =>
      stateOf({ ...base, annotations: { 'BGPPeer/p': annotations } }, 'a').peers[0]!;
    expect(peer({})).toMatchObject({ extendedMessages: true, longLivedStaleSeconds: 0 });
    expect(
      peer({
        'mesos-bgp/extended-messages': 'false',
        'mesos-bgp/long-lived-stale-time': '1h',
        'mesos-bgp/role': 'customer',
        'mesos-bgp/max-prefixes': '10',
      }),
    ).toMatchObject({
      extendedMessages: false,
      longLivedStaleSeconds: 3600,
      role: { role: 'customer', strict: false },
      maxPrefixes: { limit: 10, warningOnly: false },
    });
  });
});
