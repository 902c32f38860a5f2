// A drain and its end, as peers hear them (RFC 8326 §4.2): by the commands of the built program.

import type { Connection } from './connection.ts';
import { readCommunities, readU32 } from './reading.ts';
import { route } from './routes.ts';
import { conformance, external, internal } from './suite.ts';

const OWN_BLOCK = '10.255.0.0/26';
const GRACEFUL_SHUTDOWN = '65535:0';

conformance('a drain', {}, (check) => {
  check(
    'RFC 8326 §4.2: routes leave with GRACEFUL_SHUTDOWN and LOCAL_PREF 0 until it is taken back, on the same sessions',
    { inside: internal, other: internal, outside: external },
    async ({ inside, other, outside }, { daemon, net }) => {
      const [internally, from, externally] = [
        await inside.established(),
        await other.established(),
        await outside.established(),
      ];
      from.send(route(other, net()));
      await externally.told(net());
      await internally.told(OWN_BLOCK);
      await externally.told(OWN_BLOCK);
      const marked = (to: Connection, prefix: string): boolean => {
        const attributes = to.table.get(prefix);
        return attributes?.has(8) === true && readCommunities(attributes).includes(GRACEFUL_SHUTDOWN);
      };

      expect(await daemon.command('drain')).toEqual({
        code: 0,
        output: expect.stringMatching(/^Drain +drained/),
      });
      await internally.until('the mark inside', () => marked(internally, OWN_BLOCK));
      await externally.until('the mark outside', () => marked(externally, OWN_BLOCK));
      // Passed on with this node as its next hop.
      await externally.until('the mark of another route', () => marked(externally, net()));
      expect(readU32(internally.table.get(OWN_BLOCK)!, 5)).toBe(0);
      expect(externally.table.get(OWN_BLOCK)!.has(5)).toBe(false);
      expect(await daemon.ask('/v1/status')).toMatchObject({ drain: { state: 'drained', waitingFor: [] } });

      expect(await daemon.command('undrain')).toEqual({
        code: 0,
        output: expect.stringMatching(/^Drain +off/),
      });
      await internally.until('no mark inside', () => !marked(internally, OWN_BLOCK));
      await externally.until(
        'no mark outside',
        () => !marked(externally, OWN_BLOCK) && !marked(externally, net()),
      );
      expect(readU32(internally.table.get(OWN_BLOCK)!, 5)).toBeGreaterThan(0);
      for (const connection of [internally, externally]) expect(connection.all(3)).toEqual([]); // no NOTIFICATION
    },
  );

  check(
    '--timeout 0 only asks; a session that comes up during the drain hears the marks too',
    { late: external },
    async ({ late }, { daemon }) => {
      expect(await daemon.command('drain', '--timeout', '0', '-o', 'json')).toMatchObject({ code: 0 });
      await daemon.eventually(
        'the drain',
        async () => (await daemon.ask<{ state: string }>('/v1/drain')).state === 'drained',
      );
      const attributes = await (await late.established()).told(OWN_BLOCK);
      expect(readCommunities(attributes)).toBe(GRACEFUL_SHUTDOWN);
      expect((await daemon.command('undrain')).code).toBe(0);
    },
  );
});
