// All faults, in the order in which they happen and are reported.

import { CONFIGURATION_FAULTS } from './configuration.ts';
import { DAEMON_FAULTS } from './daemon.ts';
import { ETCD_FAULTS } from './etcd.ts';
import type { Fault } from './fault.ts';
import { KERNEL_FAULTS } from './kernel.ts';
import { REFLECTOR_FAULTS } from './reflectors.ts';

export const FAULTS: readonly Fault[] = [
  ...DAEMON_FAULTS,
  ...CONFIGURATION_FAULTS,
  ...REFLECTOR_FAULTS,
  ...ETCD_FAULTS,
  ...KERNEL_FAULTS,
];
