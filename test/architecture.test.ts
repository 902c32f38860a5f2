// The rooms of the house and the doors between them (STYLE: "Imports go only where the right column allows, and never
// in a circle"). A new file belongs to a room by its folder; a new import needs a door in this table.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const ROOT = join(__dirname, '..');

/** Room (folder, or single file) → what it may import: rooms, `node` for Node's own modules, packages. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  'bgp/src/net': [],
  'bgp/src/wire': ['bgp/src/net'],
  'bgp/src/session': ['bgp/src/net', 'bgp/src/wire'],
  'bgp/src/route': ['bgp/src/net', 'bgp/src/wire'],
  'bgp/src/policy': ['bgp/src/net', 'bgp/src/wire', 'bgp/src/route'],
  'bgp/src/rib': ['bgp/src/net', 'bgp/src/wire', 'bgp/src/route'],
  'bgp/src/speaker': [
    'bgp/src/net',
    'bgp/src/wire',
    'bgp/src/session',
    'bgp/src/route',
    'bgp/src/policy',
    'bgp/src/rib',
  ],
  'bgp/src/testing': [
    'bgp/src/net',
    'bgp/src/wire',
    'bgp/src/session',
    'bgp/src/route',
    'bgp/src/policy',
    'bgp/src/rib',
    'bgp/src/speaker',
  ],
  'bgp/src/index.ts': [
    'bgp/src/net',
    'bgp/src/wire',
    'bgp/src/session',
    'bgp/src/route',
    'bgp/src/policy',
    'bgp/src/rib',
    'bgp/src/speaker',
  ],
  'src/config': ['node'],
  'src/datastore': ['node', 'rxjs', 'etcd3', 'yaml', '@grpc/grpc-js'],
  'src/calico': ['bgp-utils'],
  'src/desired': ['bgp-utils', 'src/calico', 'src/datastore', 'rxjs', 'node'],
  'src/kernel': ['bgp-utils', 'src/sys', 'node'],
  'src/fib': ['bgp-utils', 'src/kernel/kernel.ts', 'src/kernel/batch.ts'],
  'src/sys': ['bgp-utils', 'koffi', 'node'],
  'src/speaker': ['bgp-utils', 'src/sys', 'src/fib', 'node'],
  'src/state': ['node'],
  'src/control': ['bgp-utils', 'src/desired/resolution.ts', 'node'],
  'src/cli': ['bgp-utils', 'src/config', 'src/control/schema.ts', 'node', 'yaml'],
  'src/observe': ['bgp-utils', 'pino', 'src/control/source.ts'],
  'src/lab': [
    'bgp-utils',
    'src/calico',
    'src/datastore',
    'src/config',
    'src/control/schema.ts',
    'yaml',
    'node',
    'ip-address',
    'etcd3',
  ],
};

/** Where the real implementations meet: may import anything, and nobody imports them. */
const ENTRANCES = [
  'src/main.ts',
  'src/app.ts',
  'src/facts.ts',
  'src/report.ts',
  'src/resolve.ts',
  'src/wiring.ts',
];

/** The only user of koffi, and the only starter of subscriptions. */
const SOLE_USERS: Readonly<Record<string, readonly string[]>> = { koffi: ['src/sys/libc.ts'] };

interface Import {
  readonly from: string;
  /** A file of ours, or a package. */
  readonly to: string;
  readonly typeOnly: boolean;
}

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

const IMPORT = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(IMPORT)].map((match) => {
    const specifier = match[2] ?? match[3] ?? '';
    const to = specifier.startsWith('.')
      ? relative(ROOT, resolve(ROOT, dirname(file), specifier))
      : specifier;
    return { from: file, to, typeOnly: match[1] !== undefined };
  });
}

const roomOf = (file: string): string | undefined =>
  Object.keys(DOORS).find((room) => file === room || file.startsWith(`${room}/`));

function allowed({ from, to }: Import): boolean {
  const room = roomOf(from);
  if (room === undefined) return ENTRANCES.includes(from);
  if (to.startsWith(`${room}/`)) return true;
  return DOORS[room]!.some((door) =>
    door === 'node'
      ? to.startsWith('node:')
      : to === door || to.startsWith(`${door}/`) || to === `${door}.ts`,
  );
}

const files = [...sources('bgp/src'), ...sources('src')];
const imports = files.flatMap(importsOf);

describe('the architecture', () => {
  it('has a room for every source file', () => {
    expect(files.filter((file) => roomOf(file) === undefined && !ENTRANCES.includes(file))).toEqual([]);
  });

  it('finds imports at all', () => {
    expect(imports.length).toBeGreaterThan(200);
    expect(imports.filter(({ to }) => to.endsWith('.ts')).every(({ to }) => existsSync(join(ROOT, to)))).toBe(
      true,
    );
  });

  it('imports only where a door is', () => {
    expect(imports.filter((one) => !allowed(one)).map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });

  it('imports its entrances from nowhere but the program itself', () => {
    const guests = imports.filter(({ from, to }) => ENTRANCES.includes(to) && !ENTRANCES.includes(from));
    expect(guests).toEqual([]);
  });

  it('keeps packages that only one file may use to that file', () => {
    for (const [name, users] of Object.entries(SOLE_USERS)) {
      expect([...new Set(imports.filter(({ to }) => to === name).map(({ from }) => from))]).toEqual(users);
    }
  });

  it('has no circle of imports between files', () => {
    const edges = new Map<string, string[]>();
    for (const { from, to, typeOnly } of imports) {
      if (!typeOnly && to.endsWith('.ts')) edges.set(from, [...(edges.get(from) ?? []), to]);
    }
    expect(circles(edges)).toEqual([]);
  });

  it('subscribes to streams in app.ts alone', () => {
    const subscribers = files.filter((file) => /\.subscribe\(/.test(readFileSync(join(ROOT, file), 'utf8')));
    expect(subscribers.filter((file) => !ENTRANCES.includes(file))).toEqual([]);
  });

  it('keeps the core free of clocks, chance and the outside world', () => {
    const forbidden = /\b(Date\.now|performance\.|Math\.random|process\.|setTimeout|setImmediate|console\.)/;
    const guilty = sources('bgp/src').filter((file) =>
      forbidden.test(withoutComments(readFileSync(join(ROOT, file), 'utf8'))),
    );
    expect(guilty).toEqual([]);
  });

  it('has no folder called utils, and no `any`', () => {
    expect(files.filter((file) => /(^|\/)utils?(\/|\.)/.test(file))).toEqual([]);
    expect(
      files.filter((file) =>
        /:\s*any\b|\bas any\b/.test(withoutComments(readFileSync(join(ROOT, file), 'utf8'))),
      ),
    ).toEqual([]);
  });
});

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');

function circles(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
  return found;
}
