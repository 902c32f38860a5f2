// Next-hop objects of the kernel in memory.

import type {
  KernelError,
  KernelNextHop,
  KernelRoute,
  NextHopObject,
  ObjectChange,
  ObjectKernel,
} from './kernel.ts';
import type { MemoryWork } from './memory-work.ts';
import type { RouteTable } from './route-table.ts';

export const ERRNO: Readonly<Record<string, number>> = {
  EEXIST: 17,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENODEV: 19,
  EINVAL: 22,
};

/** Next-hop objects, and what the kernel does to routes and groups when one goes. */
export class MemoryObjects implements ObjectKernel {
  readonly #byId = new Map<number, NextHopObject>();
  hasHoles = false;
  fails: ((object: NextHopObject) => string | undefined) | undefined;

  constructor(
    private readonly routes: RouteTable,
    private readonly work: MemoryWork,
  ) {}

  list(): readonly NextHopObject[] | undefined {
    return this.hasHoles ? undefined : [...this.#byId.values()];
  }

  has(id: number): boolean {
    return this.#byId.has(id);
  }

  nextHopsOf({ object, nextHops }: KernelRoute): readonly KernelNextHop[] {
    const found = object === undefined ? undefined : this.#byId.get(object);
    if (found === undefined) return nextHops;
    if (found.hop !== undefined) return [found.hop];
    return found.members.flatMap(({ id, weight }) => {
      const hop = this.#byId.get(id)?.hop;
      return hop === undefined ? [] : [{ ...hop, weight }];
    });
  }

  apply(
    changes: readonly ObjectChange[],
    done: (errors: readonly (KernelError | undefined)[]) => void,
  ): void {
    const errors: (KernelError | undefined)[] = [];
    const steps = changes.map((change) => () => void errors.push(this.change(change)));
    this.work.begin(steps, () => done(errors));
  }

  /** At once, whoever wants it. */
  change(change: ObjectChange): KernelError | undefined {
    if (change.type === 'remove') {
      this.#remove(change.id);
      return undefined;
    }
    const failure = this.#put(change);
    return failure && { errno: ERRNO[failure.name] ?? 22, ...failure };
  }

  dropInterface(name: string): void {
    for (const { id, hop } of [...this.#byId.values()]) if (hop?.interface === name) this.#remove(id);
  }

  #put({
    object,
    create,
  }: ObjectChange & { readonly type: 'put' }): { name: string; message: string } | undefined {
    const before = this.#byId.get(object.id);
    if (create && before !== undefined) return { name: 'EEXIST', message: 'File exists' };
    if (before !== undefined && (before.hop === undefined) !== (object.hop === undefined))
      return { name: 'EINVAL', message: 'Can not replace a nexthop with a nexthop group.' };
    const failing = this.fails?.(object);
    if (failing !== undefined) return { name: failing, message: `made to fail with ${failing}` };
    if (object.members?.some(({ id }) => this.#byId.get(id)?.hop === undefined))
      return { name: 'EINVAL', message: 'Invalid nexthop id' };
    this.#byId.set(object.id, object);
    return undefined;
  }

  #remove(id: number): void {
    if (!this.#byId.delete(id)) return;
    for (const route of [...this.routes.values()]) if (route.object === id) this.routes.remove(route);
    for (const group of [...this.#byId.values()]) {
      const members = group.members?.filter((member) => member.id !== id);
      if (members === undefined || members.length === group.members!.length) continue;
      if (members.length === 0) this.#remove(group.id);
      else this.#byId.set(group.id, { id: group.id, protocol: group.protocol, members });
    }
  }
}
