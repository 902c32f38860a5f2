import { address, type Capability, decodeOpen, encodeOpen, type Open, openMessage, Writer } from 'bgp-utils';
import { formatHex, parseHex } from 'bgp-utils/testing';

const HEAD = '04 fc00 005a 0a000001'; // version 4, AS 64512, 90 s, 10.0.0.1

const decode = (hex: string) => decodeOpen(parseHex(hex));
function encode(open: Open): string {
  const w = new Writer();
  encodeOpen(w, open);
  return formatHex(w.take());
}
const errorOf = (hex: string): string => {
  const result = decode(hex);
  return result.type === 'Notification'
    ? `${result.code}/${result.subcode} ${formatHex(result.data)}`
    : 'no error';
};

describe('OPEN is read', () => {
  it('without optional parameters', () => {
    expect(decode(`${HEAD} 00`)).toEqual({
      type: 'Open',
      version: 4,
      asNumber: 64512,
      myAs: 64512,
      holdTimeSeconds: 90,
      bgpIdentifier: '10.0.0.1',
      capabilities: [],
    });
  });

  it.each([
    ['one parameter with all capabilities', '0c 02 0a 0104 0001 00 01 02 00 46 00'.replace(/ /g, '')],
    ['a parameter each', '10 02 06 0104 0001 00 01 02 02 02 00 02 02 46 00'.replace(/ /g, '')],
    ['extended lengths (RFC 9072)', 'ff ff 000d 02 000a 0104 0001 00 01 02 00 46 00'.replace(/ /g, '')],
    [
      'extended lengths behind another length than 255',
      '07 ff 000d 02 000a 0104 0001 00 01 02 00 46 00'.replace(/ /g, ''),
    ],
    [
      'extended lengths, a parameter each',
      'ff ff 0013 02 0006 0104 0001 00 01 02 0002 02 00 02 0002 46 00'.replace(/ /g, ''),
    ],
  ])('with %s', (_what, parameters) => {
    expect(decode(HEAD + parameters)).toMatchObject({
      type: 'Open',
      capabilities: [
        { name: 'Multiprotocol', afi: 1, safi: 1 },
        { name: 'RouteRefresh' },
        { name: 'EnhancedRouteRefresh' },
      ],
    });
  });

  it('with an empty Capabilities parameter', () => {
    expect(decode(`${HEAD} 02 02 00`)).toMatchObject({ type: 'Open', capabilities: [] });
  });

  it('with the AS number of the capability, and the field as it came', () => {
    expect(decode(`04 5ba0 005a 0a000001 08 02 06 41 04 fffffffe`)).toMatchObject({
      asNumber: 4294967294,
      myAs: 23456,
    });
  });

  it('with the first of several 4-octet AS capabilities', () => {
    expect(decode(`04 0001 005a 0a000001 0e 02 0c 41 04 00000007 41 04 00000008`)).toMatchObject({
      asNumber: 7,
    });
  });

  it.each([
    ['0000', 0],
    ['0003', 3],
    ['ffff', 65535],
  ])('with the hold time %s', (hex, seconds) => {
    expect(decode(`04 fc00 ${hex} 0a000001 00`)).toMatchObject({ type: 'Open', holdTimeSeconds: seconds });
  });

  it('with an identifier and an AS number that negotiation will refuse', () => {
    expect(decode('04 0000 005a 00000000 00')).toMatchObject({
      type: 'Open',
      asNumber: 0,
      bgpIdentifier: '0.0.0.0',
    });
  });
});

describe('OPEN is refused (RFC 4271 §6.2)', () => {
  it.each([
    ['version 3: Unsupported Version Number, with ours', '03 fc00 005a 0a000001 00', '2/1 0004'],
    ['version 5: likewise', '05 fc00 005a 0a000001 00', '2/1 0004'],
    ['hold time 1: Unacceptable Hold Time', '04 fc00 0001 0a000001 00', '2/6 '],
    ['hold time 2: likewise', '04 fc00 0002 0a000001 00', '2/6 '],
    ['a parameter of type 1: Unsupported Optional Parameter', `${HEAD} 03 01 01 00`, '2/4 '],
    ['another parameter after capabilities: likewise', `${HEAD} 06 02 02 0200 07 00`, '2/4 '],
    ['octets after the parameters', `${HEAD} 00 00`, '2/0 '],
    ['parameters longer than the message', `${HEAD} 05 02 02 0200`, '2/0 '],
    ['a parameter longer than the parameters', `${HEAD} 04 02 03 0200`, '2/0 '],
    ['a parameter that is cut in its header', `${HEAD} 01 02`, '2/0 '],
    ['a capability longer than its parameter', `${HEAD} 04 02 02 0201`, '2/0 '],
    ['a capability that is cut in its header', `${HEAD} 03 02 01 02`, '2/0 '],
    ['a malformed capability', `${HEAD} 06 02 04 4102fc00`, '2/0 '],
    ['extended parameters without a length', `${HEAD} ff ff 00`, '2/0 '],
    ['extended parameters longer than the message', `${HEAD} ff ff 0009 02 0002 0200`, '2/0 '],
    ['octets after extended parameters', `${HEAD} ff ff 0005 02 0002 0200 00`, '2/0 '],
    ['a body without parameters length, which the framer would not pass on', HEAD, '2/0 '],
  ])('%s', (_what, hex, expected) => {
    expect(errorOf(hex)).toBe(expected);
  });
});

describe('OPEN is written', () => {
  const base = { asNumber: 64512, holdTimeSeconds: 90, bgpIdentifier: address('10.0.0.1') };

  it('with AS_TRANS for an AS number that does not fit (RFC 6793 §4.2.1)', () => {
    const open = openMessage({
      ...base,
      asNumber: 4200000000,
      capabilities: [{ name: 'FourOctetAs', asNumber: 4200000000 }],
    });
    expect(encode(open)).toBe('045ba0005a0a000001' + '08' + '0206' + '4104fa56ea00');
  });

  it('with its 16-bit AS number where it fits', () => {
    expect(encode(openMessage({ ...base, asNumber: 65535, capabilities: [] }))).toBe('04ffff005a0a00000100');
  });

  const unknown = (length: number): Capability => ({
    name: 'Unknown',
    code: 200,
    value: new Uint8Array(length),
  });
  it.each([
    ['in one octet as long as the parameters take 255', [unknown(251)], 'ff02fdc8fb', false],
    ['in two octets beyond that (RFC 9072)', [unknown(252)], 'ffff01010200fec8fc', true],
    [
      'in two octets for very long lists',
      Array.from({ length: 15 }, () => unknown(255)),
      'ffff0f1202' + '0f0fc8ff',
      true,
    ],
  ])('with lengths %s', (_what, capabilities, start) => {
    const open = openMessage({ ...base, capabilities });
    const hex = encode(open);
    expect(hex.slice(18, 18 + start.length)).toBe(start);
    expect(decode(hex)).toEqual(open);
  });
});
