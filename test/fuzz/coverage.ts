// Which blocks of our code have run, as V8 counts them in this process. Reaching a new one makes an input worth keeping.

import { Session } from 'node:inspector';

interface Report {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly {
      readonly ranges: readonly {
        readonly startOffset: number;
        readonly endOffset: number;
        readonly count: number;
      }[];
    }[];
  }[];
}

export class Coverage {
  private readonly session = new Session();
  private readonly seen = new Set<string>();

  /** @param file  address of the script that counts. */
  constructor(private readonly file: string) {
    this.session.connect();
    this.post('Profiler.enable');
    this.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Blocks that ran for the first time since the last call. */
  takeNew(): number {
    const { result } = this.post('Profiler.takePreciseCoverage') as unknown as Report;
    const before = this.seen.size;
    for (const { url, functions } of result) {
      if (url !== this.file) continue;
      for (const { ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges)
          if (count > 0) this.seen.add(`${startOffset} ${endOffset}`);
    }
    return this.seen.size - before;
  }

  get blocks(): number {
    return this.seen.size;
  }

  stop(): void {
    this.post('Profiler.stopPreciseCoverage');
    this.session.disconnect();
  }

  /** The inspector of one's own process answers before `post` returns. */
  private post(method: string, params: object = {}): object {
    let answer: object | undefined;
    this.session.post(method, params, (error, result) => {
      if (error !== null) throw error;
      answer = result ?? {};
    });
    if (answer === undefined) throw new Error(`invariant: the inspector has not answered ${method}`);
    return answer;
  }
}
