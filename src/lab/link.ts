// A link of a lab that stands, taken down and up.

import { ipIn } from './namespaces.ts';
import type { EndpointState } from './state.ts';

/** One end of a link; what happens to it happens to a plugged cable. */
export class LabLink {
  constructor(
    private readonly near: EndpointState,
    private readonly far: EndpointState,
  ) {}

  /** @throws when ip(8) fails: the interface is the lab's own. */
  down(): Promise<void> {
    return this.set('down');
  }
  up(): Promise<void> {
    return this.set('up');
  }
  /** The same link from its other end. */
  get other(): LabLink {
    return new LabLink(this.far, this.near);
  }

  private async set(state: string): Promise<void> {
    const failed = await ipIn(this.near.namespace, ['link', 'set', 'dev', this.near.interface, state]);
    if (failed !== undefined) throw new Error(failed);
  }
}
