import { address, type PeerId } from 'bgp-utils';
import { type ControlRequest, controlHandler, MAX_LIMIT } from '../../../src/control/handlers.ts';
import {
  type FakeSource,
  fakeSource,
  kernelRoute,
  NOW,
  peerConfig,
  peerView,
  resolveAnswer,
  routeView,
  statusFacts,
  WALL,
} from '../../support/control-source.ts';

const peers = [peerView('10.0.0.2'), peerView('fd00::2')];

function asker(source: FakeSource, wallClock = () => WALL) {
  const handle = controlHandler({
    source,
    wallClock,
    server: () => ({ path: '/c', http: null, httpError: null }),
  });
  return (target: string, changes: Partial<ControlRequest> = {}) => {
    const [path = '', query = ''] = target.split('?');
    return handle({
      method: 'GET',
      path,
      query: new URLSearchParams(query),
      body: '',
      trusted: true,
      ...changes,
    });
  };
}
const ask = asker(
  fakeSource({
    peers,
    routes: [routeView('10.65.0.0/26'), routeView('fd00:65::/122')],
    resolution: resolveAnswer(),
  }),
);
const error = (reply: { body: object | string }) => (reply.body as { error?: string }).error ?? '';

describe('paths', () => {
  it.each([
    '/healthz',
    '/readyz',
    '/v1/status',
    '/v1/peers',
    '/v1/peers/10.0.0.2',
    '/v1/routes',
    '/v1/kernel',
    '/v1/resolve',
    '/v1/drain',
  ])('GET and HEAD %s answer', (path) => {
    expect(ask(path).status).toBe(200);
    expect(ask(path, { method: 'HEAD' }).status).toBe(200);
  });

  it('that do not exist list those that do', () => {
    const reply = ask('/v1/neighbors');
    expect([reply.status, error(reply)]).toEqual([404, expect.stringContaining('GET /v1/peers/ADDRESS')]);
  });

  it.each([
    ['POST', '/v1/status', 'GET, HEAD'],
    ['DELETE', '/v1/peers/10.0.0.2', 'GET, HEAD'],
    ['GET', '/v1/clear', 'POST'],
    ['DELETE', '/v1/drain', 'GET, HEAD, POST'],
  ])('refuse %s %s, and say what they take', (method, path, allow) => {
    expect(ask(path, { method })).toMatchObject({ status: 405, allow });
  });

  it('refuse parameters that they do not know, since a misspelled filter would show everything', () => {
    expect(error(ask('/v1/routes?prefx=10.0.0.0/8'))).toContain('received, advertised');
    expect(ask('/v1/kernel?received=10.0.0.2').status).toBe(400);
    expect(ask('/v1/status?x=1').status).toBe(400);
  });
});

describe('/readyz', () => {
  it('is 503 with reasons until all is there', () => {
    const reasons = ['the datastore has not been read'];
    const unready = asker(fakeSource({ status: statusFacts({ ready: { ok: false, reasons } }) }));
    expect(unready('/readyz')).toEqual({ status: 503, body: { ready: false, reasons } });
    expect(unready('/healthz').status).toBe(200);
  });
});

describe('/v1/peers/ADDRESS', () => {
  it.each([
    ['the name', '10.0.0.2', '10.0.0.2'],
    ['any spelling of the address', 'FD00:0::2', 'fd00::2'],
    ['an escaped one', 'fd00%3A%3A2', 'fd00::2'],
  ])('finds a peer by %s', (_, text, found) => {
    expect(ask(`/v1/peers/${text}`).body).toMatchObject({ address: found });
  });

  it('of an unknown peer names the known ones', () => {
    const reply = ask('/v1/peers/10.0.0.9');
    expect([reply.status, error(reply)]).toEqual([
      404,
      'no peer 10.0.0.9: the configured peers are 10.0.0.2, fd00::2',
    ]);
    expect(error(asker(fakeSource())('/v1/peers/10.0.0.9'))).toContain('no peers are configured');
    expect(ask('/v1/peers/%zz').status).toBe(400);
  });

  it('of an address with several peers asks for the name', () => {
    const odd = { config: peerConfig('10.0.0.2', { peer: '10.0.0.2:1179' as PeerId, port: 1179 }) };
    const more = { config: peerConfig('10.0.0.2', { peer: '10.0.0.2:1180' as PeerId, port: 1180 }) };
    const two = asker(fakeSource({ peers: [peerView('10.0.0.2', odd), peerView('10.0.0.2', more)] }));
    expect(error(two('/v1/peers/10.0.0.2'))).toContain('10.0.0.2:1179, 10.0.0.2:1180');
    expect(two('/v1/peers/10.0.0.2:1180').body).toMatchObject({ port: 1180 });
  });
});

describe('since', () => {
  it('is the same in every answer while the clocks agree, and follows a wall clock that was set', () => {
    let wall = WALL;
    const steady = asker(fakeSource({ peers }), () => wall);
    const since = () => (steady('/v1/peers/10.0.0.2').body as { since: string }).since;
    const first = since();
    wall += 900; // the monotonic clock of the fake stands still, as if both had drifted apart
    expect(since()).toBe(first);
    wall += 3_600_000;
    expect(Date.parse(since()) - Date.parse(first)).toBe(3_600_900);
    expect(Date.parse(first)).toBe(WALL - (NOW - peers[0]!.since));
  });
});

describe('/v1/routes', () => {
  const asked = (query: string) => {
    const source = fakeSource({ peers });
    const reply = asker(source)(`/v1/routes?${query}`);
    return reply.status === 200 ? source.asked[0] : [reply.status, error(reply)];
  };

  it.each([
    ['', {}],
    ['family=ipv6', { family: 'ipv6' }],
    ['prefix=10.65.0.0/26', { prefix: '10.65.0.0/26' }],
    ['longest=10.65.0.5', { longest: address('10.65.0.5') }],
    ['received=10.0.0.2&family=ipv4', { received: '10.0.0.2', family: 'ipv4' }],
    ['advertised=fd00:0::2', { advertised: 'fd00::2' }],
  ])('?%s asks the speaker for %j', (query, expected) => {
    expect(asked(query)).toEqual(expected);
  });

  it.each([
    ['family=ipv5', 400, 'ipv4, ipv6'],
    ['prefix=10.65.0.5/26', 400, 'is 10.65.0.0/26 meant?'],
    ['prefix=10.65.0.5', 400, 'longest=10.65.0.5'],
    ['prefix=nonsense', 400, 'is no prefix'],
    ['longest=10.65.0.0/26', 400, 'is no address'],
    ['prefix=10.0.0.0/8&longest=10.0.0.1', 400, 'exclude each other'],
    ['received=10.0.0.2&advertised=10.0.0.2', 400, 'exclude each other'],
    ['received=10.0.0.7', 404, 'the configured peers are'],
    ['limit=0', 400, String(MAX_LIMIT)],
    [`limit=${MAX_LIMIT + 1}`, 400, String(MAX_LIMIT)],
    ['limit=many', 400, String(MAX_LIMIT)],
    ['after=10.0.0.1', 400, 'after "10.0.0.1"'],
  ])('?%s is %i: %s', (query, status, message) => {
    expect(asked(query)).toEqual([status, expect.stringContaining(message)]);
  });

  it('goes on where the last page ended', () => {
    const first = ask('/v1/routes?limit=1').body as { next: string };
    expect(first).toMatchObject({ routes: [{ prefix: '10.65.0.0/26' }], next: '10.65.0.0/26' });
    expect(ask(`/v1/routes?limit=1&after=${first.next}`).body).toMatchObject({
      routes: [{ prefix: 'fd00:65::/122' }],
      next: null,
    });
  });
});

describe('/v1/kernel', () => {
  const kernel = asker(
    fakeSource({
      kernel: ['10.65.0.0/16', '10.65.0.0/26', 'fd00:65::/122'].map((text) => kernelRoute(text)),
    }),
  );
  const prefixes = (query: string) =>
    (kernel(`/v1/kernel?${query}`).body as { routes: { prefix: string }[] }).routes.map(
      (route) => route.prefix,
    );

  it.each([
    ['', ['10.65.0.0/16', '10.65.0.0/26', 'fd00:65::/122']],
    ['family=ipv6', ['fd00:65::/122']],
    ['prefix=10.65.0.0/16', ['10.65.0.0/16']],
    ['longest=10.65.0.5', ['10.65.0.0/26']],
    ['longest=10.65.9.5', ['10.65.0.0/16']],
    ['longest=10.66.0.1', []],
    ['longest=10.65.0.5&family=ipv6', []],
  ])('?%s shows %j', (query, expected) => {
    expect(prefixes(query)).toEqual(expected);
  });
});

describe('/v1/resolve', () => {
  it('is 503 with the reason until the datastore was read', () => {
    const { datastore } = statusFacts();
    const status = statusFacts({
      datastore: { ...datastore, revision: undefined, lastError: 'connection refused' },
    });
    const reply = asker(fakeSource({ status }))('/v1/resolve');
    expect([reply.status, error(reply)]).toEqual([
      503,
      'the datastore has not been read yet: connection refused',
    ]);
  });
});

describe('POST /v1/clear', () => {
  const post = (body: unknown, changes: Partial<ControlRequest> = {}) => {
    const source = fakeSource({ peers });
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const reply = asker(source)('/v1/clear', { method: 'POST', body: text, ...changes });
    return { reply, cleared: source.cleared };
  };

  it.each([
    [
      { peer: '10.0.0.2', how: 'reset', reason: 'new cable' },
      { peer: '10.0.0.2', how: 'reset', text: 'new cable' },
    ],
    [
      { peer: 'fd00:0::2', how: 'soft-in' },
      { peer: 'fd00::2', how: 'soft-in', text: '' },
    ],
    [
      { peer: '10.0.0.2', how: 'soft-out' },
      { peer: '10.0.0.2', how: 'soft-out', text: '' },
    ],
  ])('%j clears', (body, expected) => {
    const { reply, cleared } = post(body);
    expect([reply.status, cleared]).toEqual([200, [expected]]);
  });

  it.each([
    ['no JSON', 400, 'accepted is JSON like'],
    ['null', 400, 'accepted is JSON like'],
    [{ how: 'reset' }, 400, '"peer"'],
    [{ peer: '10.0.0.2', how: 'hard' }, 400, '"how" is "hard"'],
    [{ peer: '10.0.0.2', how: 'reset', reason: 5 }, 400, '"reason"'],
    [{ peer: '10.0.0.2', how: 'reset', reason: 'é'.repeat(128) }, 400, '256 octets'],
    [{ peer: '10.0.0.2', how: 'soft-in', reason: 'x' }, 400, 'reset'],
    [{ peer: '10.0.0.9', how: 'reset' }, 404, 'the configured peers are'],
  ])('%j is refused and changes nothing', (body, status, message) => {
    const { reply, cleared } = post(body);
    expect([reply.status, error(reply), cleared]).toEqual([status, expect.stringContaining(message), []]);
  });

  it('takes a reason of 255 octets, the most that fits (RFC 9003)', () => {
    expect(post({ peer: '10.0.0.2', how: 'reset', reason: 'x'.repeat(255) }).reply.status).toBe(200);
  });

  it('is refused over HTTP, which shows and changes nothing', () => {
    const { reply, cleared } = post({ peer: '10.0.0.2', how: 'reset' }, { trusted: false });
    expect([reply.status, cleared]).toEqual([403, []]);
  });
});

it('/metrics is text, as the source makes it', () => {
  const reply = ask('/metrics');
  expect([reply.status, reply.body]).toEqual([200, '# HELP mesosbgp_ready\n']);
});

describe('/v1/drain', () => {
  const post = (source: FakeSource, body: string, trusted = true) =>
    asker(source)('/v1/drain', { method: 'POST', body, trusted });

  it('asks for a drain or its end, and answers how far it is', () => {
    const source = fakeSource({
      status: statusFacts({ drain: { state: 'draining', since: NOW, waitingFor: ['10.0.0.2' as PeerId] } }),
    });
    const answer = { state: 'draining', since: new Date(WALL).toISOString(), waitingFor: ['10.0.0.2'] };
    expect(post(source, '{"drain": true}')).toEqual({ status: 200, body: answer });
    expect(post(source, '{"drain": false}').status).toBe(200);
    expect(source.drains).toEqual([true, false]);
    expect(asker(source)('/v1/drain', { trusted: false }).body).toEqual(answer);
  });

  it('changes nothing over HTTP, or by a body that says nothing', () => {
    const source = fakeSource();
    expect(post(source, '{"drain": true}', false).status).toBe(403);
    for (const body of ['', 'null', '{}', '{"drain": "yes"}']) expect(post(source, body).status).toBe(400);
    expect(source.drains).toEqual([]);
  });
});
