// The stream from datastore to desired state, on one screen; and the same once, for `resolve`.

import {
  audit,
  combineLatest,
  distinctUntilChanged,
  filter,
  map,
  Observable,
  scan,
  startWith,
  tap,
  timer,
} from 'rxjs';
import { entryOfManifest, watchedPrefixes } from '../calico/keys.ts';
import { applyEvent, EMPTY_SNAPSHOT } from '../calico/snapshot.ts';
import { type Datastore, type KeyRange, prefixRange, type Result } from '../datastore/datastore.ts';
import { EtcdDatastore, type EtcdSettings } from '../datastore/etcd.ts';
import { FileDatastore } from '../datastore/file.ts';
import type { PictureKeeper } from '../datastore/picture-keeper.ts';
import { DEFAULT_PACE, type EarlierPicture, type Pace, watch } from '../datastore/watch.ts';
import { type DesiredState, type DesiredStateOptions, desiredState } from './desired-state.ts';
import { sameData } from './same.ts';

/** Shorter than anybody notices, longer than the writes of one calicoctl command are apart. */
const SETTLE_MS = 20;
/** Under constant change at most a fifth of the time goes into computing states that are replaced at once. */
const SETTLE_SHARE = 4;

/** Calls the listener when something is different. @returns a function that ends it. */
export type Listen = (listener: () => void) => () => void;

export interface PipelineOptions extends DesiredStateOptions {
  /** What the state is made from beside the datastore tells here that it changed: files with passwords, say. */
  readonly news?: readonly Listen[];
  readonly pace?: Pace;
  /** Serves until the datastore has answered. */
  readonly earlier?: EarlierPicture | undefined;
  /** Keeps the picture for the next start. */
  readonly keeper?: PictureKeeper | undefined;
}

export const desiredStates = (datastore: Datastore, options: PipelineOptions): Observable<DesiredState> => {
  let lastMs = 0;
  const { pace = DEFAULT_PACE, earlier, keeper } = options;
  const snapshots = watch(datastore, watchedRanges(), pace, earlier).pipe(
    tap((event) => keeper?.take(event)),
    scan(applyEvent, EMPTY_SNAPSHOT),
    filter((snapshot) => snapshot.inSync),
  );
  const news = (options.news ?? []).map((listen) => heard(listen).pipe(startWith(undefined)));
  return combineLatest([snapshots, ...news]).pipe(
    audit(() => timer(Math.max(SETTLE_MS, lastMs * SETTLE_SHARE))), // not debounce: constant edits must not starve the speaker
    map(([snapshot]) => {
      const begin = performance.now();
      const state = desiredState(snapshot, options);
      lastMs = performance.now() - begin;
      return state;
    }),
    distinctUntilChanged(sameDesiredState),
  );
};

/** All keys that a node's BGP is made from. */
export const watchedRanges = (): readonly KeyRange[] => watchedPrefixes().map(prefixRange);

const heard = (listen: Listen): Observable<void> =>
  new Observable((subscriber) => listen(() => subscriber.next()));

/** Equal but for the revision at which it was computed. */
export function sameDesiredState(a: DesiredState, b: DesiredState): boolean {
  const undated = (state: DesiredState) => ({
    ...state,
    revision: '',
    resolution: { ...state.resolution, revision: '' },
  });
  return sameData(undated(a), undated(b));
}

/** What `run` would do, from one reading of the datastore. */
export async function desiredStateOnce(
  datastore: Datastore,
  options: DesiredStateOptions,
): Promise<Result<DesiredState>> {
  const listing = await datastore.list(watchedRanges());
  if (!listing.ok) return listing;
  const { position, entries } = listing.value;
  const snapshot = applyEvent(EMPTY_SNAPSHOT, { type: 'listed', revision: position.revision, entries });
  return { ok: true, value: desiredState(snapshot, options) };
}

export type DatastoreSettings =
  | ({ readonly type: 'etcd' } & EtcdSettings)
  | { readonly type: 'file'; readonly path: string };

/** Reads nothing and connects to nothing yet. */
export const openDatastore = (settings: DatastoreSettings): Datastore =>
  settings.type === 'etcd' ? new EtcdDatastore(settings) : new FileDatastore(settings.path, entryOfManifest);
