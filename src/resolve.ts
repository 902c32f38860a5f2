// `mesos-bgp resolve`: what `run` would do, from one reading of the datastore. Opens no BGP socket, touches no kernel.

import type { Resolved } from './cli/commands.ts';
import type { RunConfig } from './config/config.ts';
import { endpointFilesIn } from './config/endpoint-status.ts';
import { secretsFrom } from './config/secrets.ts';
import { desiredStateOnce, openDatastore } from './desired/pipeline.ts';

export async function resolveOnce(config: RunConfig): Promise<Resolved> {
  const datastore = openDatastore(config.datastore);
  try {
    const result = await desiredStateOnce(datastore, {
      node: config.node,
      routerId: config.routerId,
      secrets: secretsFrom(config.secretsDir),
      endpointFiles: () => endpointFilesIn(config.endpointStatusDir),
    });
    if (!result.ok) {
      const { reason, message } = result.error;
      return { ok: false, reason: reason === 'invalid' ? 'invalid' : 'unavailable', message };
    }
    return { ok: true, resolution: result.value.resolution };
  } finally {
    datastore.close();
  }
}
