// What every daemon under test is given: who it is, its sessions, and a folder. All are passive, accept and send all routes,
// write no log, and hold nothing back.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Family } from 'bgp-utils';
import type { BenchProcess } from '../process.ts';

export interface SessionSpec {
  readonly address: string;
  readonly asNumber: number;
}

export interface DaemonSpec {
  readonly family: Family;
  readonly asNumber: number;
  readonly address: string;
  readonly port: number;
  readonly sessions: readonly SessionSpec[];
  /** All internal sessions are its clients (RFC 4456). */
  readonly reflector: boolean;
  /** Routes go into the kernel of the network namespace that the bench runs in. */
  readonly kernel: boolean;
  /** Where its files go. */
  readonly folder: string;
  readonly cpu: number | undefined;
  /** A script that our daemon's Node loads first. */
  readonly preload: string | undefined;
  /** A folder for the CPU profile of our daemon. */
  readonly profile: string | undefined;
}

export interface DaemonKind {
  readonly name: string;
  /** Undefined: not installed here. */
  version(): string | undefined;
  /** What it is told beyond its sessions: printed with the results. */
  readonly settings: string;
  /** Scenarios that it cannot take part in, and why. */
  cannot(spec: Pick<DaemonSpec, 'kernel'>): string | undefined;
  /** Starts it; returns when the process runs, not when it listens. */
  start(spec: DaemonSpec): BenchProcess;
}

export const ROUTER_ID = '10.0.0.1';

/** The first of these that is there. */
export const program = (...candidates: readonly string[]): string | undefined =>
  candidates
    .flatMap((name) =>
      name.startsWith('/')
        ? [name]
        : (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name)),
    )
    .find(existsSync);
