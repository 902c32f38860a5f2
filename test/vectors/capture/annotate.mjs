// A message as annotated hex, written beside the others.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const here = join(new URL('.', import.meta.url).pathname, '..');

const TYPES = ['', 'OPEN', 'UPDATE', 'NOTIFICATION', 'KEEPALIVE', 'ROUTE-REFRESH'];
const ATTRIBUTES = {
  1: 'ORIGIN',
  2: 'AS_PATH',
  3: 'NEXT_HOP',
  4: 'MULTI_EXIT_DISC',
  5: 'LOCAL_PREF',
  6: 'ATOMIC_AGGREGATE',
  7: 'AGGREGATOR',
  8: 'COMMUNITIES',
  9: 'ORIGINATOR_ID',
  10: 'CLUSTER_LIST',
  14: 'MP_REACH_NLRI',
  15: 'MP_UNREACH_NLRI',
  16: 'EXTENDED COMMUNITIES',
  17: 'AS4_PATH',
  18: 'AS4_AGGREGATOR',
  26: 'AIGP',
  32: 'LARGE_COMMUNITY',
  35: 'ONLY_TO_CUSTOMER',
};
const hex = (octets) => Buffer.from(octets).toString('hex').replace(/../g, '$& ').trim();

/** Cuts a message into lines: octets, then what they are. */
function annotate(m) {
  const lines = [];
  const line = (octets, words) => octets.length > 0 && lines.push(`${hex(octets)}  # ${words}`);
  line(m.subarray(0, 16), 'marker');
  line(m.subarray(16, 19), `length ${m.readUInt16BE(16)}, ${TYPES[m[18]]}`);
  const body = m.subarray(19);
  if (m[18] === 1) {
    line(body.subarray(0, 1), 'version');
    line(body.subarray(1, 3), 'my AS');
    line(body.subarray(3, 5), 'hold time');
    line(body.subarray(5, 9), 'BGP identifier');
    line(body.subarray(9, 10), 'optional parameters length');
    for (let at = 10; at < body.length; at += 2 + body[at + 1]) {
      line(body.subarray(at, at + 2), `parameter ${body[at]}, ${body[at + 1]} octets`);
      const end = at + 2 + body[at + 1];
      for (let c = at + 2; c < end; c += 2 + body[c + 1])
        line(body.subarray(c, c + 2 + body[c + 1]), `capability ${body[c]}`);
    }
  } else if (m[18] === 2) {
    const withdrawn = body.readUInt16BE(0);
    line(body.subarray(0, 2), 'withdrawn routes length');
    line(body.subarray(2, 2 + withdrawn), 'withdrawn routes');
    const from = 4 + withdrawn;
    const end = from + body.readUInt16BE(2 + withdrawn);
    line(body.subarray(2 + withdrawn, from), 'path attributes length');
    for (let at = from; at < end; ) {
      const extended = (body[at] & 0x10) !== 0;
      const next = at + (extended ? 4 + body.readUInt16BE(at + 2) : 3 + body[at + 2]);
      line(body.subarray(at, next), ATTRIBUTES[body[at + 1]] ?? `attribute ${body[at + 1]}`);
      at = next;
    }
    for (let at = end; at < body.length; at += 256)
      line(body.subarray(at, at + 256), at === end ? 'NLRI' : 'and on');
  } else {
    line(body, 'body');
  }
  return lines.join('\n');
}

const today = new Date().toISOString().slice(0, 10);
/**
 * @param version  of the speaker.
 * @returns what writes a message to NAME.hex; its `context` is with what the octets are to be read: "asOctets=4 families=ipv4,ipv6 peerType=external addPath=ipv4".
 */
export const saver = (version) => (name, m, what, context) => {
  const text = `# ${what}\n# From ${version}, ${today}, by capture.mjs.\n# context: ${context}\n${annotate(m)}\n`;
  writeFileSync(join(here, `${name}.hex`), text);
  console.log(`${name}: ${m.length} octets`);
};

export const isEor = (m) =>
  m.length === 23 || ((m[24] === 15 || (m[23] === 0x90 && m[24] === 15)) && m.length <= 30);
export const hasAttribute = (code) => (m) => {
  const body = m.subarray(19);
  for (let at = 4 + body.readUInt16BE(0); at < body.length; ) {
    if (body[at + 1] === code) return true;
    at += (body[at] & 0x10) !== 0 ? 4 + body.readUInt16BE(at + 2) : 3 + body[at + 2];
    if (at >= 4 + body.readUInt16BE(0) + body.readUInt16BE(2 + body.readUInt16BE(0))) return false;
  }
  return false;
};
export const contains =
  (...octets) =>
  (m) =>
    m.includes(Buffer.from(octets));
