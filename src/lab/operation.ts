// One step of realising a lab, as data: plan.ts makes a list of them, namespaces.ts carries them out.

import type { Bind, Healthcheck } from './spec.ts';

/** `node` is the one that a failure is told of; `namespace` undefined is the one the runner itself is in. */
export type Operation =
  | { readonly type: 'namespace'; readonly namespace: string; readonly node: string | undefined }
  /** The lab's common ground for mount namespaces, in which every mount point that a node needs exists. */
  | { readonly type: 'ground'; readonly namespace: string; readonly mountPoints: readonly MountPoint[] }
  | { readonly type: 'hold'; readonly node: string; readonly namespace: string; readonly mounts: NodeMounts }
  | { readonly type: 'sysctl'; readonly node: string; readonly key: string; readonly value: string }
  | {
      readonly type: 'ip';
      readonly node: string | undefined;
      readonly namespace: string | undefined;
      readonly args: readonly string[];
    }
  | { readonly type: 'start'; readonly node: string; readonly words: readonly string[] }
  | { readonly type: 'exec'; readonly node: string; readonly words: readonly string[]; readonly path: string }
  | {
      readonly type: 'host-exec';
      readonly node: string;
      readonly words: readonly string[];
      readonly path: string;
    }
  | { readonly type: 'delay'; readonly node: string; readonly seconds: number }
  | { readonly type: 'await-healthy'; readonly node: string; readonly check: Healthcheck }
  | { readonly type: 'await-exit'; readonly node: string };

export interface MountPoint {
  readonly path: string;
  /** undefined: as the source is, file or folder. */
  readonly like: string | undefined;
}

export interface NodeMounts {
  readonly hostname: string;
  readonly binds: readonly Bind[];
  /** Folders that every node has for itself, empty at first. */
  readonly privateFolders: readonly string[];
}

/** @param command for ip(8), its words parted by one blank: no name in it can hold one. */
export function ip(node: string | undefined, namespace: string | undefined, command: string): Operation {
  return { type: 'ip', node, namespace, args: command.split(' ') };
}
