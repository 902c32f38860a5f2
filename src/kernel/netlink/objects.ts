// Next-hop objects of the kernel, where it has them: lists, and changes in batches.

import { ERRNO, isSystemError } from '../../sys/libc.ts';
import type { KernelError, NextHopObject, ObjectChange, ObjectKernel } from '../kernel.ts';
import { kernelError } from './errors.ts';
import { type Message, MessageWriter, NLMSG, readError } from './message.ts';
import { RTM_NEXTHOP, readObject, writeObject, writeObjectDump } from './nexthop.ts';
import type { Interfaces } from './route.ts';
import { type Changes, readList } from './socket.ts';

/** An error each is answered: they fit into any receive buffer. */
const BATCH = 128;

export class NetlinkObjects implements ObjectKernel {
  readonly #writer = new MessageWriter();

  constructor(
    private readonly changes: Changes,
    private readonly netns: string | undefined,
    private readonly interfaces: Interfaces,
    /** News is read first: an interface may be new. */
    private readonly drain: () => void,
  ) {}

  /** @returns why this kernel has none. */
  unavailable(): string | undefined {
    const list = readList(this.netns, writeObjectDump);
    let step = list.next();
    while (!step.done) step = list.next();
    if (typeof step.value === 'boolean') return undefined;
    const { name, message } = kernelError(step.value, undefined);
    return `this kernel has no next-hop objects (${name}: ${message}; Linux 5.3 has)`;
  }

  list(): readonly NextHopObject[] | undefined {
    this.drain();
    const objects: NextHopObject[] = [];
    const list = readList(this.netns, writeObjectDump);
    let step = list.next();
    for (; !step.done; step = list.next())
      for (const message of step.value)
        if (message.type === RTM_NEXTHOP.NEW) objects.push(readObject(message, this.interfaces));
    return step.value === true ? objects : undefined;
  }

  apply(
    changes: readonly ObjectChange[],
    done: (errors: readonly (KernelError | undefined)[]) => void,
  ): void {
    const errors: (KernelError | undefined)[] = [];
    const next = (): void => {
      this.drain();
      this.#applySome(changes.slice(errors.length, errors.length + BATCH), (some) => {
        errors.push(...some);
        if (errors.length < changes.length) next();
        else done(errors);
      });
    };
    next();
  }

  /** @param done  called in a later turn. */
  #applySome(
    changes: readonly ObjectChange[],
    done: (errors: readonly (KernelError | undefined)[]) => void,
  ): void {
    const errors: (KernelError | undefined)[] = changes.map(() => undefined);
    this.#writer.reset();
    const first = this.changes.sequence(changes.length);
    let last = -1;
    for (const [i, change] of changes.entries()) {
      const wrong = writeObject(this.#writer, change, this.interfaces, first + i);
      if (wrong === undefined) last = i;
      else errors[i] = { errno: ERRNO.ENODEV, name: 'ENODEV', message: wrong };
    }
    if (last < 0) return this.changes.skip(() => done(errors));
    this.#writer.acknowledgeLast();
    const { octets } = this.#writer;
    const take = (message: Message): boolean => {
      if (message.type !== NLMSG.ERROR) return false;
      const { errno, text } = readError(message);
      const index = message.sequence - first;
      const absent = errno === ERRNO.ENOENT && changes[index]?.type === 'remove';
      if (errno !== 0 && !absent && index < changes.length) errors[index] = kernelError(errno, text);
      return index === last;
    };
    this.changes.send(octets, octets.length, first, take, (failure) =>
      done(isSystemError(failure) ? changes.map(() => failure) : errors),
    );
  }
}
