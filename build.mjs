// `npm run build`: TypeScript → dist/mesos-bgp.js, one runnable file with what it loads later in dist/chunks. Types are
// checked by `npm run check`; this only has to be fast. `node build.mjs FOLDER` builds there.

import { existsSync } from 'node:fs';
import { chmod, readdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const started = performance.now();
const root = fileURLToPath(new URL('.', import.meta.url));
const outdir = process.argv[2] ?? join(root, 'dist');

/** What is built when its source is there: the labs' tools stand beside the daemon. */
const entryPoints = Object.fromEntries(
  [
    ['mesos-bgp', 'src/main.ts'],
    ['lab', 'src/lab/main.ts'],
    ['demo', 'src/lab/demo/main.ts'],
  ].filter(([name, file]) => name === 'mesos-bgp' || existsSync(join(root, file))),
);

/** Some packages are CommonJS and ask for `require` and `__dirname`, which an ES module has not. */
const banner = `import { createRequire as __createRequire } from 'node:module';
import { dirname as __dirnameOf } from 'node:path';
import { fileURLToPath as __fileURLToPath } from 'node:url';
const require = __createRequire(import.meta.url);
const __filename = __fileURLToPath(import.meta.url);
const __dirname = __dirnameOf(__filename);`;

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints,
  outdir,
  bundle: true,
  splitting: true, // `import()` in the sources is what `status` does not have to load
  chunkNames: 'chunks/[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // koffi finds its native library beside itself, and etcd3 its .proto files: both stay in node_modules.
  external: ['koffi', 'etcd3'],
  // The same library as an ES module, since `import()` of a bundled CommonJS one finds no names.
  // rxjs as ES modules as well: of the CommonJS that Node would take nothing can be left out.
  alias: {
    yaml: join(root, 'node_modules/yaml/browser/index.js'),
    rxjs: join(root, 'node_modules/rxjs/dist/esm/index.js'),
  },
  // Identifiers are not minified, so that a stack trace from the field can be read without the source map.
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'linked',
  banner: { js: banner },
  logLevel: 'warning',
  metafile: true,
});
await Promise.all(Object.keys(entryPoints).map((name) => chmod(join(outdir, `${name}.js`), 0o755)));

// Earlier chunks go last, so that there is a whole program at every moment: daemons are started while this runs.
const written = new Set(Object.keys(metafile.outputs).map((file) => relative(outdir, join(root, file))));
for (const file of await readdir(outdir, { recursive: true, withFileTypes: true })) {
  const path = join(file.path, file.name);
  if (file.isFile() && !written.has(relative(outdir, path))) await rm(path);
}

const octets = Object.entries(metafile.outputs)
  .filter(([file]) => file.endsWith('.js'))
  .reduce((sum, [, output]) => sum + output.bytes, 0);
console.error(
  `${Object.keys(entryPoints).join(', ')} built in ${Math.round(performance.now() - started)} ms, ${Math.round(octets / 1024)} KiB`,
);
