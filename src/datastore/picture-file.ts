// The last good picture as a file, so that a daemon can start while its datastore is away. A line of JSON that says whose
// picture it is, a line an entry, and the SHA-256 of all lines before. Written beside the old one, flushed, and renamed over
// it: what is there is whole, or it is refused. One that is somebody else's, of other keys, or too old is refused as well.

import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Entry, KeyRange } from './datastore.ts';
import type { EarlierPicture } from './watch.ts';

/** Whose picture it is. */
export interface PictureOwner {
  readonly node: string;
  /** Endpoints, or the domain they are found by. One in common makes it the same datastore, since members come and go. */
  readonly datastore: readonly string[];
  readonly ranges: readonly KeyRange[];
}

export interface Picture {
  readonly store: string;
  readonly revision: string;
  readonly entries: readonly Entry[];
}

export type PictureReading =
  | { readonly ok: true; readonly picture: EarlierPicture | undefined }
  /** There is a file, and it cannot be used: what is wrong and what happens now. */
  | { readonly ok: false; readonly message: string };

interface Header {
  readonly format: typeof FORMAT;
  readonly node: string;
  readonly datastore: readonly string[];
  readonly ranges: readonly KeyRange[];
  readonly store: string;
  readonly revision: string;
  readonly savedAt: string;
}

const FORMAT = 'mesos-bgp picture 1';
/** An older one says where machines were, not where they are. */
const MAX_AGE_MS = 7 * 24 * 3600 * 1000;
/** Lines made and hashed at a time: BGP does not wait for a large picture. */
const LINES_AT_ONCE = 500;
/** File names have 255, and ours has more beside the node's. */
const MAX_NAME_OCTETS = 200;

/** Its name in the state folder; one for each node, since labs run several on one machine. */
export const picturePath = (node: string): string =>
  `picture-${Buffer.byteLength(node) <= MAX_NAME_OCTETS ? node : checksum(node)}`;

/** @param now  wall clock, milliseconds since 1970. @returns no picture when there is no file. Never rejects. */
export async function readPicture(path: string, owner: PictureOwner, now: number): Promise<PictureReading> {
  const refused = (why: string): PictureReading => ({
    ok: false,
    message: `the picture of the datastore in ${path} is not used: ${why}. The datastore is waited for, and the file is written anew then`,
  });
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? { ok: true, picture: undefined } : refused(message);
  }
  const end = content.lastIndexOf('\n', content.length - 2) + 1;
  const body = content.slice(0, end);
  if (content.slice(end) !== `${checksum(body)}\n`) return refused('it is damaged: its checksum is another');
  const [first, ...lines] = body.split('\n').slice(0, -1);
  const header = JSON.parse(first ?? 'null') as Header | null; // our own words: the checksum holds
  if (header?.format !== FORMAT) return refused('another version of mesos-bgp wrote it');
  if (header.node !== owner.node) return refused(`it is of node ${header.node}`);
  if (!header.datastore.some((name) => owner.datastore.includes(name))) {
    return refused(`it is of another datastore, ${header.datastore.join(',')}`);
  }
  if (JSON.stringify(header.ranges) !== JSON.stringify(owner.ranges)) {
    return refused('this version reads other keys');
  }
  const savedAt = Date.parse(header.savedAt);
  if (!(now - savedAt < MAX_AGE_MS)) return refused(`it is of ${header.savedAt}, older than seven days`);
  const entries = lines.map((line) => {
    const [key, value, revision] = JSON.parse(line) as [string, string, string];
    return { key, value, revision };
  });
  return { ok: true, picture: { path, revision: header.revision, savedAt, entries } };
}

/** @param now  wall clock, milliseconds since 1970. @throws what the file system says. */
export async function writePicture(
  path: string,
  owner: PictureOwner,
  { store, revision, entries }: Picture,
  now: number,
): Promise<void> {
  const folder = dirname(path);
  const beside = `${path}.new`;
  const header: Header = {
    format: FORMAT,
    ...owner,
    store,
    revision,
    savedAt: new Date(now).toISOString(),
  };
  await mkdir(folder, { recursive: true });
  const file = await open(beside, 'w', 0o600);
  try {
    const hash = createHash('sha256');
    const put = async (text: string) => {
      hash.update(text);
      await file.write(text);
    };
    await put(`${JSON.stringify(header)}\n`);
    for (let at = 0; at < entries.length; at += LINES_AT_ONCE) {
      const some = entries.slice(at, at + LINES_AT_ONCE);
      await put(
        some.map((entry) => `${JSON.stringify([entry.key, entry.value, entry.revision])}\n`).join(''),
      );
    }
    await file.write(`${hash.digest('hex')}\n`);
    await file.sync();
  } catch (error) {
    await file.close();
    await unlink(beside).catch(() => undefined); // a full disk: what it holds is of no use
    throw error;
  }
  await file.close();
  await rename(beside, path);
  const directory = await open(folder, 'r');
  try {
    await directory.sync(); // the name, too, outlives a power cut
  } finally {
    await directory.close();
  }
}

const checksum = (body: string): string => createHash('sha256').update(body).digest('hex');
