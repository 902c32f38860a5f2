// Small words that more than one text has: ages, counts, addresses with ports, and the kernel in a line.

import type { KernelSummary } from '../../control/schema.ts';

/** `0s`, `45s`, `2m13s`, `3h05m`, `4d02h`: two units at most. */
export function formatAge(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h${two(Math.floor(whole / 60) % 60)}m`;
  return `${Math.floor(whole / 86400)}d${two(Math.floor(whole / 3600) % 24)}h`;
}

export const count = (value: number, noun: string): string => `${value} ${noun}${value === 1 ? '' : 's'}`;
export const orDash = (value: string | number | null): string =>
  value === null || value === '' ? '-' : String(value);
export const hostPort = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

export const kernelLine = (kernel: KernelSummary): string =>
  kernel.mode === 'none'
    ? 'none: routes are not installed'
    : `${kernel.mode}, ${kernel.inStep ? 'in step' : 'not in step'}: ${kernel.installed} installed, ${kernel.pending} pending, ${kernel.failed} failed`;
