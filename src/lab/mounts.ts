// Shell scripts that build a node's view of the file system inside a fresh mount namespace, and then hold it. Pure: text.
//
// A bind needs a mount point, and the runner creates none on the host's disk (an ordinary user could not, and root
// should not). So a lab has a ground: one mount namespace where a folder that lacks a mount point is replaced by a
// tmpfs with all its entries bound back, in which the mount point is then made. Nodes start from a copy of the ground.

import type { MountPoint, NodeMounts } from './operation.ts';
import type { Bind } from './spec.ts';
import { quoteWord } from './words.ts';

/** What a holder prints when its namespaces are ready; it then sleeps until the lab is destroyed. */
export const READY = 'ready';

// stdin and stdout are let go: the runner may end while the holder stays.
const HOLD = [`echo ${READY}`, 'exec sleep infinity </dev/null >/dev/null 2>&1'];

/** Folders that every Linux has (FHS 3.0 §3) and nobody misses while the script runs; one is borrowed to mount on. */
const SCRATCH: readonly string[] = ['/mnt', '/media', '/srv', '/opt'];

/** The script of the lab's ground. */
export function groundScript(mountPoints: readonly MountPoint[]): string {
  const scratch = SCRATCH.find((folder) => !mountPoints.some(({ path }) => isUnder(path, folder))) ?? '/mnt';
  const points = mountPoints.map(
    ({ path, like }) => `mount_point ${quoteWord(path)} ${like === undefined ? '/' : quoteWord(like)}`,
  );
  return [
    'set -e',
    `scratch=${quoteWord(scratch)}`,
    // Puts a tmpfs over the folder $1 and binds its entries back into it.
    'shadow() {',
    '  mount -n --rbind "$1" "$scratch"',
    '  mount -n -t tmpfs -o mode=755 lab-ground "$1"',
    '  for entry in "$scratch"/* "$scratch"/.[!.]*; do',
    '    name="$1/$(basename "$entry")"',
    '    if [ -L "$entry" ]; then cp -P "$entry" "$name"',
    '    elif [ -d "$entry" ]; then mkdir "$name"; mount -n --rbind "$entry" "$name"',
    '    elif [ -e "$entry" ]; then : > "$name"; mount -n --bind "$entry" "$name"',
    '    fi',
    '  done',
    '  umount -n -l "$scratch"',
    '}',
    // $1 becomes a file or a folder, as $2 is one.
    'mount_point() {',
    '  [ -e "$1" ] && return',
    '  near="$1"; while [ ! -d "$near" ]; do near=$(dirname "$near"); done',
    '  case " $shadowed " in *" $near "*) ;; *) shadow "$near"; shadowed="$shadowed $near" ;; esac',
    '  if [ -d "$2" ]; then mkdir -p "$1"; else mkdir -p "$(dirname "$1")"; : > "$1"; fi',
    // What was just made lies in the tmpfs too, so nothing below it needs a shadow.
    '  made="$1"; while [ "$made" != "$near" ]; do shadowed="$shadowed $made"; made=$(dirname "$made"); done',
    '}',
    'shadowed=""',
    ...points,
    ...HOLD,
  ].join('\n');
}

/** Outside path of a node's private folder. */
export const privateFolder = (nodeDirectory: string, folder: string): string => `${nodeDirectory}${folder}`;

/**
 * The script of one node, run in a copy of the ground.
 * @param nodeDirectory  where the node's private folders are, made before; visible from outside, so that a test can
 *   read a node's files and open its sockets.
 */
export function nodeScript(mounts: NodeMounts, nodeDirectory: string): string {
  const lines = ['set -e'];
  const bind = (source: string, target: string, readOnly: boolean): void => {
    lines.push(`mount -n --rbind ${quoteWord(source)} ${quoteWord(target)}`);
    if (readOnly) lines.push(`mount -n -o remount,bind,ro ${quoteWord(target)}`);
  };
  // What lies in a private folder is mounted there before the folder takes its place. /run comes last, because sources
  // may lie under the host's /run, nodeDirectory among them.
  const inPrivate = (entry: Bind) => mounts.privateFolders.some((folder) => isUnder(entry.target, folder));
  for (const entry of mounts.binds) {
    if (!inPrivate(entry)) continue;
    const target = privateFolder(nodeDirectory, entry.target);
    const [source, point] = [quoteWord(entry.source), quoteWord(target)];
    lines.push(
      `if [ -d ${source} ]; then mkdir -p ${point}; else mkdir -p "$(dirname ${point})"; : > ${point}; fi`,
    );
    bind(entry.source, target, entry.readOnly);
  }
  for (const entry of mounts.binds) if (!inPrivate(entry)) bind(entry.source, entry.target, entry.readOnly);
  const folders = [...mounts.privateFolders].sort((a, b) => Number(a === '/run') - Number(b === '/run'));
  for (const folder of folders) bind(privateFolder(nodeDirectory, folder), folder, false);
  // In a user namespace /proc/sys/kernel/hostname belongs to somebody else; the system call is allowed.
  lines.push(`hostname ${quoteWord(mounts.hostname)} 2>/dev/null || true`, ...HOLD);
  return lines.join('\n');
}

export const isUnder = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(`${folder}/`);
