// The origin of learned routes against the block affinities (docs/configuration.md), as commands and peers of the built program see it.

import { resource } from './daemon.ts';
import { route } from './routes.ts';
import { conformance, external, internal } from './suite.ts';

const HOLDER = '127.200.0.2';
const OTHER = '127.200.0.3';
const BLOCK = '10.254.0.0/26';

const RESOURCES = [
  resource('Node', 'holder', { bgp: { ipv4Address: `${HOLDER}/8` } }),
  resource('Node', 'other', { bgp: { ipv4Address: `${OTHER}/8` } }),
  resource('BlockAffinity', 'held', { cidr: BLOCK, node: 'holder' }),
];
const REASON = `block ${BLOCK} belongs to holder, and the route comes from other`;

interface Answer {
  readonly routes: readonly {
    readonly valid: boolean;
    readonly originCheck: string;
    readonly reason: string;
  }[];
}
interface Status {
  readonly originCheck: object;
  readonly reasons: readonly string[];
}
const path = `/v1/routes?prefix=${encodeURIComponent(BLOCK)}`;

conformance('the origin check that reports', { resources: RESOURCES }, (check) => {
  check(
    'a route from another node than the holder is used, shown and counted',
    { a: internal, b: external },
    async ({ a, b }, { daemon }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, BLOCK, { nextHop: OTHER }));
      await to.told(BLOCK);
      expect((await daemon.ask<Answer>(path)).routes).toMatchObject([
        { valid: true, originCheck: 'invalid', originCheckReason: REASON },
      ]);
      const status = await daemon.ask<Status>('/v1/status');
      expect(status.originCheck).toEqual({ mode: 'report', valid: 0, unknown: 0, invalid: 1 });
      expect(status.reasons.join()).toContain('another node than the one that holds the block');
      expect((await daemon.command('routes', BLOCK)).output).toContain('wrong origin');
      expect((await daemon.command('routes', BLOCK, '-o', 'wide')).output).toContain(`invalid: ${REASON}`);
    },
  );
});

conformance(
  'the origin check that is enforced',
  { resources: RESOURCES, annotations: { 'mesos-bgp/origin-check': 'enforce' } },
  (check) => {
    check(
      "such a route is kept out until the affinity is that node's",
      { a: internal, b: external },
      async ({ a, b }, { daemon }) => {
        const [from, to] = [await a.established(), await b.established()];
        from.send(route(a, BLOCK, { nextHop: OTHER }));
        await daemon.knows(BLOCK);
        expect((await daemon.ask<Answer>(path)).routes).toMatchObject([
          { valid: false, originCheck: 'invalid', reason: `origin check: ${REASON}` },
        ]);
        expect(to.table.has(BLOCK)).toBe(false);
        daemon.change((resources) =>
          resources.map((each) =>
            each.metadata.name === 'held'
              ? resource('BlockAffinity', 'held', { cidr: BLOCK, node: 'other' })
              : each,
          ),
        );
        await to.told(BLOCK);
        expect((await daemon.ask<Answer>(path)).routes).toMatchObject([
          { valid: true, originCheck: 'valid' },
        ]);
      },
    );
  },
);
