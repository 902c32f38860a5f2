// The stream of events over a real control socket.

import { mkdtempSync, rmSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ControlServer, startControlServer } from '../../../src/control/server.ts';
import { LogJournal } from '../../../src/observe/journal.ts';
import { fakeSource } from '../../support/control-source.ts';
import { until } from '../../support/etcd.ts';

let folder: string;
let journal: LogJournal;
let server: ControlServer;
let calls: ClientRequest[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'events-'));
  journal = new LogJournal(0);
  calls = [];
  const result = await startControlServer({
    source: { ...fakeSource({}), journal },
    control: join(folder, 'c.sock'),
    http: undefined,
    report: () => {},
    onBug: (error) => {
      throw error;
    },
  });
  if (!result.ok) throw new Error(result.message);
  server = result.server;
});
afterEach(async () => {
  for (const call of calls) call.destroy();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const say = (message: string) => journal.add(JSON.stringify({ level: 'info', time: 't', message }));

async function open(query = '', headers: Record<string, string> = {}, method = 'GET') {
  const seen = { text: '', ended: false };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = request({
      socketPath: join(folder, 'c.sock'),
      path: `/v1/events${query}`,
      headers,
      method,
      agent: false,
    });
    calls.push(call);
    call.on('error', reject);
    call.on('response', resolve);
    call.end();
  });
  response.setEncoding('utf8').on('data', (text: string) => {
    seen.text += text;
  });
  response.on('close', () => {
    seen.ended = true;
  });
  response.on('error', () => {});
  const messages = () =>
    [...seen.text.matchAll(/^data: (.*)$/gm)].map(
      (each) => (JSON.parse(each[1]!) as { message: string }).message,
    );
  return { response, seen, messages };
}

describe('GET /v1/events', () => {
  it('begins with what is kept and goes on with what comes, each with its number', async () => {
    say('one');
    const { response, seen, messages } = await open();
    expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    await until(() => messages().length === 1, 'what is kept');
    say('two');
    await until(() => messages().length === 2, 'what comes');
    expect(messages()).toEqual(['one', 'two']);
    expect(seen.text).toMatch(/^id: 1\ndata: .*\n\nid: 2\ndata: .*\n\n$/);
  });

  it.each([
    ['?after=2&follow=false', {}],
    ['?follow=false', { 'Last-Event-ID': '2' }],
  ])('goes on after the last one that the client has: %s %j', async (query, headers) => {
    for (const message of ['one', 'two', 'three', 'four']) say(message);
    const { seen, messages } = await open(query, headers as Record<string, string>);
    await until(() => seen.ended, 'the end');
    expect(messages()).toEqual(['three', 'four']);
  });

  it('ends with the server', async () => {
    const { seen } = await open();
    await server.close();
    await until(() => seen.ended, 'the end');
  });

  it('serves sixteen, refuses one more, and takes it when one has left', async () => {
    const streams = [];
    for (let i = 0; i < 16; i++) streams.push(await open());
    const refused = await open();
    expect(refused.response.statusCode).toBe(503);
    await until(() => refused.seen.text.includes('as many follow the events as may'), 'the reason');
    streams[0]!.response.destroy();
    await until(async () => (await open()).response.statusCode === 200, 'room again');
  });

  it('cuts off who does not read, and goes on with the others', async () => {
    const slow = await open();
    const other = await open();
    slow.response.pause();
    for (let round = 1; round <= 30; round++) {
      for (let i = 0; i < 50; i++) say('x'.repeat(3000));
      say(`round ${round}`);
      await until(() => other.seen.text.endsWith(`round ${round}"}\n\n`), 'the other hears all');
      other.seen.text = '';
    }
    slow.response.resume();
    await until(() => slow.seen.ended, 'cut off');
    say('still here');
    await until(() => other.messages().at(-1) === 'still here', 'the other hears on');
  });

  it.each([
    ['?after=x', 'no number of an event'],
    ['?follow=maybe', 'accepted are true, false'],
    ['?since=1', 'unknown parameter'],
  ])('refuses %s', async (query, why) => {
    const { response, seen } = await open(query);
    expect(response.statusCode).toBe(400);
    await until(() => seen.text.includes(why), why);
  });

  it('answers HEAD with the head alone', async () => {
    say('one');
    const { response, seen } = await open('', {}, 'HEAD');
    await until(() => seen.ended, 'the end');
    expect([response.statusCode, seen.text]).toEqual([200, '']);
  });
});
