import type { Role } from 'bgp-utils';
import { leaked, leaks, markedOnReceipt, markedOnSending } from '../../../../bgp/src/policy/leaks.ts';

const PLAIN = { origin: 0 as const, asPath: [] };
const OURS = 64512;
const THEIRS = 65001;
const marked = (onlyToCustomer: number) => ({ ...PLAIN, onlyToCustomer });

describe('ONLY_TO_CUSTOMER (RFC 9234 §5), by our role', () => {
  it.each<[Role, boolean, boolean, number | undefined, boolean, number | undefined]>([
    // role, theirs leaks, another's leaks, marked on receipt, may not be sent on, marked on sending
    ['provider', true, true, undefined, false, OURS],
    ['rs', true, true, undefined, false, OURS],
    ['peer', false, true, THEIRS, true, OURS],
    ['customer', false, false, THEIRS, true, undefined],
    ['rs-client', false, false, THEIRS, true, undefined],
  ])('%s', (role, own, other, onReceipt, notSent, onSending) => {
    expect(leaked(PLAIN, role, THEIRS)).toBeUndefined();
    expect(leaked(marked(THEIRS), role, THEIRS) !== undefined).toBe(own);
    expect(leaked(marked(7), role, THEIRS) !== undefined).toBe(other);
    expect(markedOnReceipt(PLAIN, role, THEIRS).onlyToCustomer).toBe(onReceipt);
    expect(leaks(PLAIN, role)).toBeUndefined();
    expect(leaks(marked(7), role) !== undefined).toBe(notSent);
    expect(markedOnSending(PLAIN, role, OURS).onlyToCustomer).toBe(onSending);
  });

  it('a value that is there stays', () => {
    expect(markedOnReceipt(marked(7), 'customer', THEIRS).onlyToCustomer).toBe(7);
    expect(markedOnSending(marked(7), 'provider', OURS).onlyToCustomer).toBe(7);
  });
});
