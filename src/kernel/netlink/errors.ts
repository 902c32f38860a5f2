// The kernel's refusals, with what to do next where we know.

import { type SystemError, systemError } from '../../sys/libc.ts';
import type { KernelError } from '../kernel.ts';

const ADVICE: Readonly<Record<string, string>> = {
  ENETUNREACH: 'the gateway is on no connected network (ip route get GATEWAY)',
  EHOSTUNREACH: 'the gateway is on no connected network (ip route get GATEWAY)',
  ENETDOWN: 'the interface is down or has no carrier (ip link show INTERFACE)',
  ENODEV: 'the interface is gone (ip link)',
  EPERM: 'the privilege CAP_NET_ADMIN is missing',
  ENOMEM: 'the kernel is out of memory',
  EOPNOTSUPP: 'the kernel lacks this: for IPv6, is net.ipv6.conf.all.disable_ipv6 set?',
};

export function kernelError(errno: number, text: string | undefined): KernelError {
  const error = systemError(errno);
  const advice = ADVICE[error.name];
  const message = `${text ?? error.message}${advice === undefined ? '' : `: ${advice}`}`;
  return { errno, name: error.name, message };
}

/** Devices that Calico's pools need, and what makes them. */
const TUNNELS: Readonly<Record<string, string>> = {
  tunl0: 'IPIP pools need it: modprobe ipip, and ip link set tunl0 up; Felix does both where it runs',
  'vxlan.calico': 'VXLAN pools need it, and Felix makes it: is calico-felix running?',
  'vxlan-v6.calico': 'VXLAN pools need it, and Felix makes it: is calico-felix running?',
};

export function missingInterface(name: string): string {
  const advice = TUNNELS[name];
  return `there is no interface ${name}; tried again when it comes${advice === undefined ? '' : `. ${advice}`}`;
}

/** Why no route leads to an address. */
export function noRouteReason(errno: number, text: string | undefined): string {
  const error: SystemError = systemError(errno);
  switch (error.name) {
    case 'ENETUNREACH':
      return 'no route';
    case 'EINVAL':
    case 'EHOSTUNREACH':
    case 'EACCES':
      return `a route discards or refuses packets to it (${text ?? error.message})`;
    default:
      return text ?? error.message;
  }
}
