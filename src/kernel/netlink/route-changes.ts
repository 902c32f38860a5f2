// Changes of routes on their way to the kernel: a batch goes out in as few messages of the socket as it takes, one after the other,
// and comes back as errors. Only the last change of a message asks for an acknowledgement: errors are always answered.
//
// Other programs' routes are never changed. News is drained before each send, and what is there of others keeps ours out. What
// remains is another program's route that appears between that and the kernel's getting there, in place of one of ours that was just
// removed by hand; for new routes NLM_F_EXCL closes even that gap.

import { ERRNO, type SystemError } from '../../sys/libc.ts';
import { HOW, type RouteBatch } from '../batch.ts';
import type { RouteError } from '../kernel.ts';
import { conflictMessage } from '../route-table.ts';
import { kernelError } from './errors.ts';
import { type Message, NLMSG, readError } from './message.ts';
import type { News } from './news.ts';
import { RouteWriter } from './route-writer.ts';
import type { Changes } from './socket.ts';

/** Well below what a socket may send at once where its buffer cannot be raised (net.core.wmem_max). */
const SEND_OCTETS = 120 << 10;
/** Where answers were lost for want of room. */
const FEW = 16;

/** Some changes of the batch. */
interface Piece {
  readonly from: number;
  readonly to: number;
  /** Ours is there, whatever the batch says. */
  readonly replaces: boolean;
}

/** A batch that is being applied. */
interface Work {
  readonly batch: RouteBatch;
  readonly errors: RouteError[];
  /** What is left, the next one last. */
  readonly pieces: Piece[];
  readonly done: (errors: readonly RouteError[]) => void;
}

type Channel = Pick<Changes, 'sequence' | 'send' | 'skip'>;
type Others = Pick<News, 'drain' | 'others' | 'interfaces'>;

export class RouteChanges {
  readonly #changes: Channel;
  readonly #news: Others;
  readonly #writer: RouteWriter;

  constructor(changes: Channel, news: Others) {
    this.#changes = changes;
    this.#news = news;
    this.#writer = new RouteWriter(news.interfaces);
  }

  /** Interfaces have other numbers now. */
  forgetInterfaces(): void {
    this.#writer.forget();
  }

  /** As `Kernel.apply`. */
  apply(batch: RouteBatch, done: Work['done']): void {
    this.#next({ batch, errors: [], pieces: [{ from: 0, to: batch.size, replaces: false }], done });
  }

  #next(work: Work): void {
    const piece = work.pieces.pop();
    if (piece !== undefined) this.#send(work, piece);
    else work.done(work.errors.sort((a, b) => a.index - b.index));
  }

  /** Sends as much of it as fits. */
  #send(work: Work, { from, to, replaces }: Piece): void {
    const { batch, errors, pieces } = work;
    this.#news.drain();
    const others = this.#news.others();
    this.#writer.reset();
    const first = this.#changes.sequence(to - from);
    let index = from;
    let last = -1;
    for (; index < to && this.#writer.length < SEND_OCTETS; index++) {
      const conflict = batch.how[index] === HOW.REMOVE ? undefined : others.findAt(batch, index);
      if (conflict !== undefined) {
        errors.push({ index, errno: ERRNO.EEXIST, name: 'EEXIST', message: conflictMessage(conflict) });
        continue;
      }
      const wrong = this.#writer.write(batch, index, replaces, first + index - from);
      if (wrong === undefined) last = index;
      else errors.push({ index, errno: ERRNO.ENODEV, name: 'ENODEV', message: wrong });
    }
    if (index < to) pieces.push({ from: index, to, replaces });
    if (last < 0) this.#changes.skip(() => this.#next(work));
    else this.#exchange(work, { from, to: last + 1, replaces }, first);
  }

  /** Sends the messages in the writer. @param first  sequence number of the piece's first change. */
  #exchange(work: Work, piece: Piece, first: number): void {
    const { batch } = work;
    const { from, to, replaces } = piece;
    this.#writer.acknowledgeLast();
    const taken: number[] = [];
    const refused: RouteError[] = [];
    const take = (message: Message): boolean => {
      if (message.type !== NLMSG.ERROR) return false;
      const { errno, text } = readError(message);
      const index = from + message.sequence - first;
      if (errno === ERRNO.EEXIST && batch.how[index] === HOW.CREATE && !replaces) taken.push(index);
      else if (errno !== 0 && !(errno === ERRNO.ESRCH && batch.how[index] === HOW.REMOVE))
        refused.push({ index, ...kernelError(errno, text) });
      return index === to - 1;
    };
    this.#changes.send(this.#writer.octets, this.#writer.length, first, take, (failure) => {
      if (failure !== undefined) this.#failed(work, piece, failure);
      else {
        for (const error of refused) work.errors.push(error);
        // Someone has the place. If it is not another program (the drain tells), it is we ourselves: replace.
        for (const index of taken) work.pieces.push({ from: index, to: index + 1, replaces: true });
      }
      this.#next(work);
    });
  }

  #failed({ errors, pieces }: Work, { from, to, replaces }: Piece, failure: SystemError): void {
    const inPiece = errors.filter(({ index }) => index >= from && index < to);
    if (failure.errno === ERRNO.ENOBUFS && to - from > FEW) {
      // Answers were lost for want of room (an unprivileged namespace cannot raise it). All changes can be made twice.
      errors.splice(0, errors.length, ...errors.filter((error) => !inPiece.includes(error)));
      for (let at = from; at < to; at += FEW) pieces.push({ from: at, to: Math.min(at + FEW, to), replaces });
      return;
    }
    const known = new Set(inPiece.map(({ index }) => index));
    for (let index = from; index < to; index++) if (!known.has(index)) errors.push({ index, ...failure });
  }
}
