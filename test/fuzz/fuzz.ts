// The loop of the fuzzer: inputs are made, tried, timed, and what went wrong is handed back with all that it takes to see it
// again. What reaches new code is kept and changed further. Without a judge of what is new, the same seed tries the same inputs.

import type { WireContext } from 'bgp-utils';
import { formatHex, Prng } from 'bgp-utils/testing';
import { checkStable, decodeStream, frames } from './codec.ts';
import { Generator } from './generate.ts';
import { drawPlan, type Plan } from './plan.ts';
import { SpeakerTarget } from './speaker.ts';
import { drawTurn, type Turn } from './turn.ts';

/** No message may take longer, where none had more than 4,096 octets; measured as the fastest of some tries, so that a garbage collection fails nothing. */
const LIMIT_MS = 5;
const STANDARD_OCTETS = 4096;
const TRIES = 7;
/** Things that happen to one speaker before a fresh one takes its place. */
const TURNS = 60;
const CODEC_BATCH = 200;
const MAX_STORIES = 300;

/** A speaker's life. */
interface Story {
  readonly plan: Plan;
  readonly turns: readonly Turn[];
}

export type FuzzFailure = {
  readonly what: string;
  readonly seed: number;
  readonly execution: number;
} & (
  | { readonly target: 'codec'; readonly context: WireContext; readonly hex: string }
  | ({ readonly target: 'speaker' } & Story)
);

export interface FuzzReport {
  readonly executions: { readonly codec: number; readonly speaker: number };
  /** Of a message of 4,096 octets or less. */
  readonly slowestMs: number;
  readonly kept: number;
  readonly failure: FuzzFailure | undefined;
}

/** Blocks of code that ran for the first time since the last call. */
export type Novelty = () => number;

/** What it takes when nothing else gets in the way. */
const fastest = (run: () => number): number => Math.min(...Array.from({ length: TRIES }, run));

function timed(run: () => void): number {
  const before = performance.now();
  run();
  return performance.now() - before;
}

/** Time that a message may take, by its octets. */
export type TimeLimit = (octets: number) => number;

const limitMs: TimeLimit = (octets) => LIMIT_MS * Math.max(1, octets / STANDARD_OCTETS);
/** Where other programs share the cores, and a long wait says nothing of the message. */
export const ANY_TIME: TimeLimit = () => Number.POSITIVE_INFINITY;

/** The longest message until then, whose attributes may have to be written again; only messages are timed. */
function longest(turns: readonly Turn[]): number {
  if (turns.at(-1)?.does !== 'send') return Number.POSITIVE_INFINITY;
  return Math.max(...turns.map((turn) => (turn.does === 'send' ? turn.hex.length / 2 : 0)));
}

const wordsOf = (error: unknown): string => String(error instanceof Error ? error.stack : error);

/**
 * @param more  asked now and then whether to go on, with the executions so far.
 * @param novelty  judges which inputs are worth keeping; without it none is.
 */
export function fuzz(
  seed: number,
  more: (executions: number) => boolean,
  novelty: Novelty = () => 0,
  limit: TimeLimit = limitMs,
): FuzzReport {
  return new Fuzzer(seed, novelty, limit).run(more);
}

class Fuzzer {
  private readonly random: Prng;
  private readonly generator: Generator;
  private readonly executions = { codec: 0, speaker: 0 };
  private readonly stories: Story[] = [];
  private slowestMs = 0;
  private kept = 0;

  constructor(
    private readonly seed: number,
    private readonly novelty: Novelty,
    private readonly limitMs: TimeLimit,
  ) {
    this.random = new Prng(seed);
    this.generator = new Generator(this.random);
  }

  run(more: (executions: number) => boolean): FuzzReport {
    const { executions } = this;
    let failure: FuzzFailure | undefined;
    this.novelty();
    while (failure === undefined && more(executions.codec + executions.speaker)) {
      failure = this.codecBatch();
      for (let i = 0; i < 3 && failure === undefined; i++) failure = this.speaker();
    }
    return { executions, slowestMs: this.slowestMs, kept: this.kept, failure };
  }

  private codecBatch(): FuzzFailure | undefined {
    const tried: { stream: Uint8Array; context: WireContext }[] = [];
    for (let i = 0; i < CODEC_BATCH; i++) {
      const context = this.generator.context();
      const stream = this.stream(context);
      tried.push({ stream, context });
      const failure = this.codec(stream, context);
      if (failure !== undefined) return failure;
    }
    if (this.novelty() === 0) return undefined;
    this.keep(tried.map(({ stream }) => stream));
    return undefined;
  }

  /** One of them has reached something new; all are good enough to be changed again. */
  private keep(streams: readonly Uint8Array[]): void {
    for (const stream of streams.slice(0, 20)) this.generator.keep(stream);
    this.kept++;
  }

  private stream({ maxMessageOctets }: WireContext): Uint8Array {
    const { generator, random } = this;
    const count = random.chance(0.1) ? 3 : 1;
    const parts = Array.from({ length: count }, () => generator.message(maxMessageOctets));
    return count === 1 ? parts[0]! : Uint8Array.from(parts.flatMap((part) => [...part]));
  }

  private codec(stream: Uint8Array, context: WireContext): FuzzFailure | undefined {
    const { random } = this;
    const execution = ++this.executions.codec;
    const report = (what: string): FuzzFailure => ({
      ...{ what, seed: this.seed, execution, target: 'codec', context, hex: formatHex(stream) },
    });
    try {
      let messages: ReturnType<typeof decodeStream> = [];
      const decode = () => {
        messages = decodeStream(stream, context);
      };
      const took = this.measure(stream.length, decode, () => timed(decode));
      if (took !== undefined) return report(`takes ${took.toFixed(1)} ms`);
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
      return report(wordsOf(error));
    }
    return undefined;
  }

  private speaker(): FuzzFailure | undefined {
    const { random } = this;
    // Half of them go on where another one reached something new.
    const earlier = this.stories.length > 0 && random.chance(0.5) ? random.pick(this.stories) : undefined;
    const plan = earlier?.plan ?? drawPlan(random);
    const again = earlier?.turns.slice(0, random.between(0, TURNS)).filter(() => random.chance(0.95)) ?? [];
    const turns: Turn[] = [];
    const report = (what: string): FuzzFailure => ({
      ...{ what, seed: this.seed, execution: this.executions.speaker, target: 'speaker', plan, turns },
    });
    try {
      const target = new SpeakerTarget(plan);
      while (turns.length < TURNS) {
        const turn = again[turns.length] ?? drawTurn(random, this.generator, target);
        turns.push(turn);
        this.executions.speaker++;
        const took = this.measure(
          longest(turns),
          () => target.play(turn),
          () => timeOfLast({ plan, turns }),
        );
        if (took !== undefined) return report(`the last message takes ${took.toFixed(1)} ms`);
        target.checkSizes();
      }
      target.checkEnd();
    } catch (error) {
      return report(wordsOf(error));
    }
    if (this.novelty() > 0 && this.stories.length < MAX_STORIES) {
      this.stories.push({ plan, turns });
      this.kept++;
    }
    return undefined;
  }

  /** @returns milliseconds when they are too many, also at a second look. */
  private measure(octets: number, first: () => void, again: () => number): number | undefined {
    const limit = this.limitMs(octets);
    let took = timed(first);
    if (took > limit) took = fastest(again);
    if (octets <= STANDARD_OCTETS) this.slowestMs = Math.max(this.slowestMs, took);
    return took > limit ? took : undefined;
  }
}

/** What the last turn of a story takes, on a fresh speaker to which the others have happened. */
function timeOfLast({ plan, turns }: Story): number {
  const target = new SpeakerTarget(plan);
  for (const turn of turns.slice(0, -1)) target.play(turn);
  return timed(() => target.play(turns.at(-1)!));
}

/** Plays a failure again. @returns what is wrong with it now; undefined when nothing is. */
export function replay(failure: FuzzFailure): string | undefined {
  try {
    if (failure.target === 'codec') {
      const octets = Uint8Array.from(Buffer.from(failure.hex, 'hex'));
      const decode = () => decodeStream(octets, failure.context);
      const took = fastest(() => timed(decode));
      checkStable(decode(), failure.context);
      return took > limitMs(octets.length) ? `takes ${took.toFixed(1)} ms` : undefined;
    }
    const limit = limitMs(longest(failure.turns));
    if (Number.isFinite(limit)) {
      const took = fastest(() => timeOfLast(failure));
      if (took > limit) return `the last message takes ${took.toFixed(1)} ms`;
    }
    const target = new SpeakerTarget(failure.plan);
    for (const turn of failure.turns) {
      target.play(turn);
      target.checkSizes();
    }
    target.checkEnd();
  } catch (error) {
    return wordsOf(error);
  }
  return undefined;
}
