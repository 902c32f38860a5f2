// Records what other speakers really send, as annotated hex: run as root, with them installed, by
//
//   unshare --net node test/vectors/capture.mjs [bird|bird-options|frr|frr-options|gobgp|openbgpd|exabgp …]
//
// What the messages mean, the .json beside each .hex, was checked by hand against the configurations in capture/: no script writes
// it, and a message that changes with a new version of a daemon has to be looked at again.

import { readFileSync, rmSync } from 'node:fs';
import { bird } from './capture/bird.mjs';
import { birdOptions } from './capture/bird-options.mjs';
import { exabgp } from './capture/exabgp.mjs';
import { frr } from './capture/frr.mjs';
import { frrOptions } from './capture/frr-options.mjs';
import { gobgp } from './capture/gobgp.mjs';
import { openbgpd } from './capture/openbgpd.mjs';
import { sh, stopAll, work } from './capture/peer.mjs';

const DAEMONS = {
  bird,
  'bird-options': birdOptions,
  frr,
  'frr-options': frrOptions,
  gobgp,
  openbgpd,
  exabgp,
};
if (readFileSync('/proc/net/dev', 'utf8').trim().split('\n').length > 3) {
  console.error(
    'capture.mjs: this is not a fresh network namespace: run it by unshare --net node test/vectors/capture.mjs',
  );
  process.exit(64);
}
try {
  sh('ip', 'link', 'set', 'lo', 'up');
  for (const address of ['10.0.0.1/32', '10.0.0.2/32', '10.0.0.3/32', '2001:db8::1/128']) {
    sh('ip', 'address', 'add', address, 'dev', 'lo');
  }
  const wanted = process.argv.slice(2);
  for (const name of wanted.length > 0 ? wanted : Object.keys(DAEMONS)) await DAEMONS[name]();
} finally {
  await stopAll();
  rmSync(work, { recursive: true, force: true });
}
