// Passwords as an operator puts them into the secrets folder of a host in a lab.

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import type { LabNode } from '../../src/lab/lab.ts';
import { outside } from './speakers.ts';

/** In a folder that each node has for itself. */
const FOLDER = '/run/secrets';

export const SECRETS_FLAGS = ['--secrets-dir', FOLDER] as const;

/** The field `password` of a BGPPeer. */
export const passwordRef = (key: string): object => ({ password: { secretKeyRef: { name: 'bgp', key } } });

/** Sets or changes what `passwordRef(key)` means there. */
export function setPassword(node: LabNode, key: string, value: string): void {
  const folder = `${outside(node, FOLDER)}/bgp`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/.new`, value, { mode: 0o600 });
  renameSync(`${folder}/.new`, `${folder}/${key}`);
}
