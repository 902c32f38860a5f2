// The loop of the fuzzer: octets are made, tried, timed, and what went wrong is handed back with all that it takes to see
// it again. The same seed tries the same octets; how many of them depends on the time that there is.

import type { WireContext } from 'bgp-utils';
import { formatHex, Prng } from 'bgp-utils/testing';
import { Generator } from './generate.ts';
import { checkStable, decodeStream, frames, Target, type Turn } from './targets.ts';

/** No input may take longer; measured as the median of some tries, so that a garbage collection fails nothing. */
const LIMIT_MS = 5;
const TRIES = 7;
/** Messages that one speaker is given before a fresh one takes its place. */
const TURNS = 60;

export interface FuzzFailure {
  readonly what: string;
  readonly seed: number;
  readonly execution: number;
  readonly target: 'codec' | 'speaker';
  readonly context?: WireContext;
  /** The octets that did it, and for a speaker all that it was given before. */
  readonly history: readonly { readonly from?: Turn['from']; readonly hex: string }[];
}

export interface FuzzReport {
  readonly executions: { readonly codec: number; readonly speaker: number };
  readonly slowestMs: number;
  readonly failure: FuzzFailure | undefined;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

function timed(run: () => void): number {
  const before = performance.now();
  run();
  return performance.now() - before;
}

/** @param more  asked now and then whether to go on, with the executions so far. */
export function fuzz(seed: number, more: (executions: number) => boolean): FuzzReport {
  return new Fuzzer(seed).run(more);
}

class Fuzzer {
  private readonly random: Prng;
  private readonly generator: Generator;
  private readonly executions = { codec: 0, speaker: 0 };
  private slowestMs = 0;

  constructor(private readonly seed: number) {
    this.random = new Prng(seed);
    this.generator = new Generator(this.random);
  }

  run(more: (executions: number) => boolean): FuzzReport {
    let failure: FuzzFailure | undefined;
    const { executions } = this;
    while (failure === undefined && more(executions.codec + executions.speaker)) {
      for (let i = 0; i < 200 && failure === undefined; i++) failure = this.codec();
      failure ??= this.speaker();
    }
    return { executions, slowestMs: this.slowestMs, failure };
  }

  private codec(): FuzzFailure | undefined {
    const { generator, random } = this;
    const context = generator.context();
    const count = random.chance(0.1) ? 3 : 1;
    const parts = Array.from({ length: count }, () => generator.message(context.maxMessageOctets));
    const stream = count === 1 ? parts[0]! : Uint8Array.from(parts.flatMap((part) => [...part]));
    const execution = ++this.executions.codec;
    const report = (what: string): FuzzFailure => ({
      ...{ what, seed: this.seed, execution, target: 'codec', context },
      history: [{ hex: formatHex(stream) }],
    });
    try {
      let messages: ReturnType<typeof decodeStream> = [];
      const decode = () => {
        messages = decodeStream(stream, context);
      };
      const took = this.measure(decode, () => timed(decode));
      if (took > LIMIT_MS) return report(`takes ${took.toFixed(1)} ms`);
      checkStable(messages, context);
      if (random.chance(0.1)) {
        const cuts = [random.between(0, stream.length), random.between(0, stream.length)].sort(
          (a, b) => a - b,
        );
        const [whole, cut] = [[], cuts].map((each) =>
          JSON.stringify(frames(stream, context.maxMessageOctets, each)),
        );
        if (whole !== cut) return report(`cut at ${cuts}, the stream means something else`);
      }
    } catch (error) {
      return report(String(error instanceof Error ? error.stack : error));
    }
    return undefined;
  }

  private speaker(): FuzzFailure | undefined {
    const { generator, random } = this;
    const history: Turn[] = [];
    let received = 0;
    const report = (what: string): FuzzFailure => ({
      ...{ what, seed: this.seed, execution: this.executions.speaker, target: 'speaker' },
      history: history.map(({ from, octets }) => ({ from, hex: formatHex(octets) })),
    });
    try {
      const target = new Target();
      while (history.length < TURNS) {
        const octets = generator.update(4096);
        const turn: Turn = { from: random.pick(['internal', 'external']), octets };
        history.push(turn);
        received += octets.length;
        this.executions.speaker++;
        const first = () => target.receive(turn);
        const took = this.measure(first, () => timeOfLast(history));
        if (took > LIMIT_MS) return report(`the last message takes ${took.toFixed(1)} ms`);
        target.checkSizes(received);
        target.reconnect();
      }
      target.checkEmptied();
    } catch (error) {
      return report(String(error instanceof Error ? error.stack : error));
    }
    return undefined;
  }

  /** @returns milliseconds: those of the first try when they are few, else the median of some more. */
  private measure(first: () => void, again: () => number): number {
    let took = timed(first);
    if (took > LIMIT_MS) took = median(Array.from({ length: TRIES }, again));
    this.slowestMs = Math.max(this.slowestMs, took);
    return took;
  }
}

/** What the last message of a history takes, on a fresh speaker that was given the others. */
function timeOfLast(history: readonly Turn[]): number {
  const target = new Target();
  for (const turn of history.slice(0, -1)) {
    target.receive(turn);
    target.reconnect();
  }
  return timed(() => target.receive(history.at(-1)!));
}

/** Plays a failure again. @returns what is wrong with it now; undefined when nothing is. */
export function replay(failure: FuzzFailure): string | undefined {
  const turns = failure.history.map(({ from, hex }) => ({
    from: from ?? 'internal',
    octets: Uint8Array.from(Buffer.from(hex, 'hex')),
  }));
  try {
    if (failure.target === 'codec') {
      const { octets } = turns[0]!;
      const took = median(
        Array.from({ length: TRIES }, () => timed(() => decodeStream(octets, failure.context!))),
      );
      checkStable(decodeStream(octets, failure.context!), failure.context!);
      return took > LIMIT_MS ? `takes ${took.toFixed(1)} ms` : undefined;
    }
    const took = median(Array.from({ length: TRIES }, () => timeOfLast(turns)));
    if (took > LIMIT_MS) return `the last message takes ${took.toFixed(1)} ms`;
    const target = new Target();
    for (const turn of turns) {
      target.receive(turn);
      target.reconnect();
    }
    target.checkEmptied();
  } catch (error) {
    return String(error instanceof Error ? error.stack : error);
  }
  return undefined;
}
