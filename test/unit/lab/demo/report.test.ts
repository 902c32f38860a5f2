import { duration, progressLine, quote, readableLog, summary } from '../../../../src/lab/demo/report.ts';

const ok = { name: 'sessions', outcome: 'ok', figure: '12 of 12', seconds: 1 } as const;
const failed = {
  name: 'routes in every kernel',
  outcome: 'failed',
  figure: 'one is missing',
  seconds: 2,
} as const;
const notRun = { name: 'ping', outcome: 'not run', figure: '', seconds: 0 } as const;

it('a step is a line with the time since the start', () => {
  expect(progressLine(ok, 12.34)).toBe(' 12.3 s  ok      sessions: 12 of 12');
  expect(progressLine(notRun, 0)).toBe('  0.0 s  not run  ping');
});

it('the end is a table and a verdict', () => {
  expect(summary([ok, failed, notRun], 3)).toBe(`
  STEP                    RESULT   FIGURE
  sessions                ok       12 of 12
  routes in every kernel  failed   one is missing
  ping                    not run

1 of 3 steps held, 1 failed, 1 not run.
`);
  expect(summary([ok], 3)).toMatch(/\nAll 1 steps held, in 3.0 s.\n$/);
});

it('a step that was not run is no success', () => {
  expect(summary([ok, notRun], 1)).toMatch(/1 of 2 steps held, 0 failed, 1 not run/);
});

it.each([
  [0.4, '0 ms'],
  [38.2, '38 ms'],
  [999, '999 ms'],
  [2449, '2.4 s'],
])('%d ms is %s', (milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text);
});

it('log lines of the daemon are shortened, others stay', () => {
  const line =
    '{"level":"error","time":"2026-01-01T10:20:30.456Z","message":"port 179 is taken","err":{"message":"EADDRINUSE"}}';
  expect(readableLog(`${line}\nplain text\n{"no`)).toBe(
    '10:20:30.456 error: port 179 is taken (EADDRINUSE)\nplain text\n{"no',
  );
});

it('quoted output is set off', () => {
  expect(quote('a\nb\n\n')).toBe('           │ a\n           │ b');
});
