import { EXTENDED_MESSAGE_OCTETS, INITIAL_CONTEXT, STANDARD_MESSAGE_OCTETS } from 'bgp-utils';

it('message sizes are those of RFC 4271 §4.1 and RFC 8654 §3', () => {
  expect(STANDARD_MESSAGE_OCTETS).toBe(4096);
  expect(EXTENDED_MESSAGE_OCTETS).toBe(0xffff);
});

it('before the OPENs nothing is agreed on but IPv4 and the least', () => {
  expect(INITIAL_CONTEXT).toEqual({
    asOctets: 2,
    maxMessageOctets: 4096,
    families: ['ipv4'],
    addPathReceive: [],
    addPathSend: [],
    peerType: 'external',
  });
});
