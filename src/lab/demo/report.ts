// What the demo says: a line a step while it works, a table at the end. The text is made by pure functions.

export interface StepResult {
  readonly name: string;
  readonly outcome: 'ok' | 'failed' | 'not run';
  /** What was seen or measured, in a few words. */
  readonly figure: string;
  readonly seconds: number;
}

/** `   12.3 s  ok      a step: figure` */
export function progressLine(result: StepResult, sinceStartSeconds: number): string {
  const elapsed = `${sinceStartSeconds.toFixed(1)} s`.padStart(7);
  return `${elapsed}  ${result.outcome.padEnd(6)}  ${result.name}${result.figure ? `: ${result.figure}` : ''}`;
}

/** The table of all steps, and a sentence of how it ended. */
export function summary(results: readonly StepResult[], totalSeconds: number): string {
  const width = Math.max(...results.map((result) => result.name.length));
  const rows = results.map(({ name, outcome, figure }) =>
    `  ${name.padEnd(width)}  ${outcome.padEnd(7)}  ${figure}`.trimEnd(),
  );
  const count = (outcome: StepResult['outcome']): number =>
    results.filter((result) => result.outcome === outcome).length;
  const bad = count('failed') + count('not run');
  const verdict =
    bad === 0
      ? `All ${results.length} steps held, in ${totalSeconds.toFixed(1)} s.`
      : `${count('ok')} of ${results.length} steps held, ${count('failed')} failed, ${count('not run')} not run.`;
  return ['', `  ${'STEP'.padEnd(width)}  RESULT   FIGURE`, ...rows, '', verdict, ''].join('\n');
}

/** Times as people say them: `38 ms`, `2.4 s`. */
export const duration = (milliseconds: number): string =>
  milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;

/** A few lines of someone else's output, set off from ours. */
export const quote = (text: string): string =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => `           │ ${line}`)
    .join('\n');

/** The daemon's JSON log lines, shortened for people; other lines stay as they are. */
export function readableLog(text: string): string {
  return text
    .split('\n')
    .map((line) => {
      try {
        const { time, level, message, err } = JSON.parse(line) as Record<string, unknown>;
        const cause = typeof err === 'object' && err ? ` (${(err as { message?: string }).message})` : '';
        return `${String(time).slice(11, 23)} ${String(level)}: ${String(message)}${cause}`;
      } catch {
        return line;
      }
    })
    .join('\n');
}
