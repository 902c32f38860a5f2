// containerlab's merge rules: node over group over kind over defaults, with each value's place kept for messages.

import type { Path } from './source.ts';

type Values = Readonly<Record<string, unknown>>;

export interface Layer {
  readonly values: Values;
  readonly path: Path;
}

export interface Placed {
  readonly value: unknown;
  readonly path: Path;
}

export interface NodeFields {
  /** Merged, but for the lists below. */
  readonly values: Values;
  /** Where a field's value came from (for a merged map: its most specific part). */
  readonly pathOf: (key: string) => Path;
  /** Lists that grow from defaults to node. */
  readonly exec: readonly Placed[];
  readonly binds: readonly Placed[];
  readonly envFiles: readonly Placed[];
  readonly unknown: readonly Placed[];
  /** Fields that containerlab has and that have no effect here. */
  readonly ignored: readonly Path[];
  /** Fields that should be lists and are not. */
  readonly notLists: readonly Path[];
}

const MERGED_MAPS: readonly string[] = ['env', 'labels', 'sysctls'];
const MERGED_LISTS: readonly string[] = ['exec', 'binds', 'env-files'];
/** The more specific layer replaces the value as a whole. */
const REPLACED: readonly string[] = [
  ...['kind', 'group', 'image', 'hostname', 'cmd', 'network-mode', 'mgmt-ipv4', 'mgmt-ipv6'],
  ...['startup-delay', 'stages', 'healthcheck'],
];
const IGNORED: readonly string[] = [
  ...[
    'type',
    'image-pull-policy',
    'entrypoint',
    'user',
    'volumes',
    'ports',
    'startup-config',
    'license',
    'cpu',
  ],
  ...['enforce-startup-config', 'cpu-set', 'memory', 'shm-size', 'cap-add', 'devices', 'privileged', 'dns'],
  ...['restart-policy', 'auto-remove', 'runtime', 'aliases', 'certificate', 'config', 'extras', 'components'],
  ...[
    'credentials',
    'tmpfs',
    'pid-mode',
    'cgroupns-mode',
    'cgroup-parent',
    'security-opts',
    'link-apply-mode',
  ],
  'suppress-startup-config',
];
/** Without meaning in a namespace that runs the host's own programs: nothing is lost, so nothing is said. */
const SILENT: readonly string[] = [
  'image-pull-policy',
  'privileged',
  'cap-add',
  'restart-policy',
  'auto-remove',
];

const isRecord = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @param layers from defaults to node. */
export function merge(layers: readonly Layer[]): NodeFields {
  const values: Record<string, unknown> = {};
  const paths = new Map<string, Path>();
  const lists = new Map<string, Placed[]>(MERGED_LISTS.map((key) => [key, []]));
  const unknown: Placed[] = [];
  const ignored: Path[] = [];
  const notLists: Path[] = [];
  for (const layer of layers)
    for (const [key, value] of Object.entries(layer.values)) {
      if (value === undefined || value === null) continue;
      const path = [...layer.path, key];
      const list = lists.get(key);
      if (list) {
        if (Array.isArray(value))
          list.push(...value.map((item, index) => ({ value: item, path: [...path, index] })));
        else notLists.push(path);
      } else if (MERGED_MAPS.includes(key)) {
        const before = values[key];
        values[key] = isRecord(before) && isRecord(value) ? { ...before, ...value } : value;
        paths.set(key, path);
      } else if (REPLACED.includes(key)) {
        values[key] = value;
        paths.set(key, path);
      } else if (IGNORED.includes(key)) {
        if (!SILENT.includes(key)) ignored.push(path);
      } else {
        unknown.push({ value, path });
      }
    }
  return {
    values,
    pathOf: (key) => paths.get(key) ?? [...(layers.at(-1)?.path ?? []), key],
    exec: lists.get('exec')!,
    binds: lists.get('binds')!,
    envFiles: lists.get('env-files')!,
    unknown,
    ignored,
    notLists,
  };
}
