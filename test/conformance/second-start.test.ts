// What a daemon without a kernel knows of the run before it (RFC 4724 §4.1), and that a drain outlives it.

import type { Connection } from './connection.ts';
import { can, endOfRib, keepalive } from './octets.ts';
import { readCommunities } from './reading.ts';
import { conformance, external, type ProbedPeer } from './suite.ts';

const OWN_BLOCK = '10.255.0.0/26';
const GRACEFUL_SHUTDOWN = '65535:0';

/** The capability in the daemon's OPEN: N bit and 120 s without and with the R bit, the family without and with the F bit. */
const FIRST = ['407800010100'];
const AGAIN = ['c07800010180'];

const restarts = { also: [can.gracefulRestart(60, true)] };

/** @returns a session, and what the daemon's OPEN said of restarts. */
async function up(
  peer: ProbedPeer,
): Promise<{ connection: Connection; said: readonly string[] | undefined }> {
  const { connection, theirs } = await peer.opened(restarts);
  connection.send(keepalive);
  await connection.of(4);
  return { connection, said: theirs.capabilities.get(64) };
}

const hasEnd = ({ updates }: Connection): boolean => updates.some((each) => each.endOfRib);

conformance('a second start without a kernel', {}, (check) => {
  check(
    'RFC 4724 §4.1: it says that it has restarted, and defers its End-of-RIB; a first start and one after leaving do not',
    { a: external, b: external },
    async ({ a, b }, { daemon }) => {
      const notDeferred = async () => {
        const { connection, said } = await up(a);
        expect(said).toEqual(FIRST);
        await connection.until('End-of-RIB', () => hasEnd(connection));
      };
      const deferred = async () => {
        const first = await up(a);
        expect(first.said).toEqual(AGAIN);
        await first.connection.told(OWN_BLOCK);
        first.connection.send(endOfRib);
        const second = await up(b);
        expect(second.said).toEqual(AGAIN);
        expect([hasEnd(first.connection), hasEnd(second.connection)]).toEqual([false, false]);
        second.connection.send(endOfRib);
        await first.connection.until('End-of-RIB', () => hasEnd(first.connection));
      };
      await notDeferred();
      await daemon.eventually('the note of the session', async () => daemon.left('sessionsAt'));
      await daemon.again('SIGKILL');
      await deferred();
      await daemon.again('SIGTERM');
      await deferred();
      await daemon.again('SIGTERM', 'SIGTERM');
      await notDeferred();
    },
  );
});

conformance('a drained node that starts again', {}, (check) => {
  check(
    'RFC 8326: stays drained until it is undrained, and says so',
    { a: external },
    async ({ a }, { daemon }) => {
      const marked = async () => {
        const attributes = await (await a.established()).told(OWN_BLOCK);
        return attributes.has(8) && readCommunities(attributes).includes(GRACEFUL_SHUTDOWN);
      };
      const drain = async () => (await daemon.ask<{ state: string; since: string }>('/v1/drain')).state;
      expect((await daemon.command('drain')).code).toBe(0);
      const { since } = await daemon.ask<{ since: string }>('/v1/drain');
      await daemon.eventually('the note of the drain', async () => daemon.left('drainedSince'));
      await daemon.again('SIGKILL');
      expect(await marked()).toBe(true);
      await daemon.eventually('the drain', async () => (await drain()) === 'drained');
      const again = await daemon.ask<{ since: string }>('/v1/drain');
      expect(Math.abs(Date.parse(again.since) - Date.parse(since))).toBeLessThan(2000);
      expect(daemon.said('this node is drained, as it was asked for at')).toBe(true);
      expect((await daemon.command('status')).output).toContain('this node is drained');
      expect((await daemon.command('undrain')).code).toBe(0);
      await daemon.eventually('the note of its end', async () => !daemon.left('drainedSince'));
      await daemon.again('SIGTERM');
      expect([await marked(), await drain()]).toEqual([false, 'off']);
    },
  );
});
