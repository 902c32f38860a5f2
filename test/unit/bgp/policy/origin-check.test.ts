import {
  type Address,
  type AsPath,
  addressWords,
  familyOfPrefix,
  prefix,
  prefixAddress,
  prefixLength,
} from 'bgp-utils';
import { OriginCheck } from '../../../../bgp/src/policy/origin-check.ts';

const address = (text: string) => text as Address;
const node = (number: number, asNumber = 64512) => ({
  name: `host-${number}`,
  addresses: [address(`10.0.0.${number}`), address(`fd00::${number}`)],
  identifier: address(`10.0.0.${number}`),
  asNumber,
});
const check = new OriginCheck({
  enforce: false,
  pools: [prefix('10.65.0.0/16'), prefix('fd00:65::/48')],
  blocks: [
    { prefix: prefix('10.65.1.0/26'), holders: ['host-1'] },
    { prefix: prefix('10.65.2.0/26'), holders: ['host-1', 'host-2'] },
    { prefix: prefix('10.65.3.9/32'), holders: ['host-1'] },
    { prefix: prefix('10.65.4.0/24'), holders: ['host-1'] },
    { prefix: prefix('10.65.4.64/26'), holders: ['host-2'] },
    { prefix: prefix('fd00:65::40/122'), holders: ['host-1'] },
  ],
  nodes: [node(1), node(2), node(3), node(4, 65004)],
});

const words = (text: string) => {
  const value = prefix(text);
  const [w0, w1, w2, w3] = addressWords(prefixAddress(value));
  return { family: familyOfPrefix(value), length: prefixLength(value), w0, w1, w2, w3 };
};
const path = (...asNumbers: number[]): AsPath =>
  asNumbers.length === 0 ? [] : [{ type: 'AS_SEQUENCE', asNumbers }];
const judge = (text: string, nextHop: string, asPath: AsPath = [], originatorId?: string) =>
  check.judge(
    words(text),
    check.teller({
      origin: 0,
      asPath,
      nextHop: { address: address(nextHop) },
      ...(originatorId !== undefined && { originatorId: address(originatorId) }),
    }),
  );

describe('the origin check', () => {
  it.each([
    ['10.65.1.0/26', true],
    ['10.65.0.0/16', true],
    ['10.0.0.0/8', false],
    ['10.66.1.0/26', false],
    ['fd00:65::40/122', true],
    ['fd00:66::/122', false],
  ])('judges %s: %s', (text, judged) => {
    expect(check.covers(words(text))).toBe(judged);
  });

  it.each<[string, string, string, string, AsPath?, string?]>([
    ['valid', 'the next hop is the holder', '10.65.1.0/26', '10.0.0.1'],
    ['valid', 'IPv6', 'fd00:65::40/122', 'fd00::1'],
    ['valid', 'either of two while a block moves', '10.65.2.0/26', '10.0.0.2'],
    ['valid', 'through a reflector that puts itself in', '10.65.1.0/26', '10.0.0.3', [], '10.0.0.1'],
    ['valid', 'over another AS', '10.65.1.0/26', '10.0.0.1', path(65001)],
    ['valid', 'the holder of the longest block', '10.65.4.64/26', '10.0.0.2'],
    ['valid', 'a part of a block, from its holder', '10.65.1.32/27', '10.0.0.1'],
    ['valid', 'a block of one address', '10.65.3.9/32', '10.0.0.1'],
    ['invalid', 'another node', '10.65.1.0/26', '10.0.0.3'],
    ['invalid', 'another node, IPv6', 'fd00:65::40/122', 'fd00::3'],
    ['invalid', 'another node through a reflector', '10.65.1.0/26', '10.0.0.254', [], '10.0.0.3'],
    ['invalid', 'a part of a block', '10.65.1.32/27', '10.0.0.3'],
    ['invalid', 'a block of one address, which nobody borrows', '10.65.3.9/32', '10.0.0.2'],
    ['invalid', 'the holder of the shorter block', '10.65.4.64/26', '10.0.0.1'],
    ['invalid', "another node's AS alone, where no holder is", '10.65.1.0/26', '10.0.0.4', path(65004)],
    ['unknown', 'no block', '10.65.9.0/26', '10.0.0.1'],
    ['unknown', 'more than a block', '10.65.0.0/16', '10.0.0.3'],
    ['unknown', 'a single address, which may be borrowed', '10.65.1.5/32', '10.0.0.3'],
    ['unknown', 'from no node', '10.65.1.0/26', '10.0.0.254'],
    ['unknown', 'a node that may pass it on', '10.65.1.0/26', '10.0.0.4', path(65004, 64512)],
    ['unknown', 'a node of the AS of the holder, from outside', '10.65.1.0/26', '10.0.0.3', path(64512)],
  ])('%s: %s', (state, _, text, nextHop, ...more) => {
    expect(judge(text, nextHop, ...more).state).toBe(state);
  });

  it('says who holds the block and who tells', () => {
    expect(judge('10.65.2.0/26', '10.0.0.3').reason).toBe(
      'block 10.65.2.0/26 belongs to host-1 and host-2, and the route comes from host-3',
    );
  });
});
