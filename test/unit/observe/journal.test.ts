import { LogJournal } from '../../../src/observe/journal.ts';
import { createLog } from '../../../src/observe/log.ts';

const line = (message: string) => `${JSON.stringify({ level: 'info', time: 't', message })}\n`;
const messages = (entries: readonly { readonly line: string }[]) =>
  entries.map((entry) => (JSON.parse(entry.line) as { message: string }).message);

describe('LogJournal', () => {
  it('keeps the last 1000 lines, the oldest first', () => {
    const journal = new LogJournal(7);
    for (let i = 0; i < 2500; i++) journal.add(line(`${i}`));
    const kept = journal.after(0);
    expect(messages(kept)).toEqual(Array.from({ length: 1000 }, (_, i) => `${1500 + i}`));
    expect(messages(journal.after(kept.at(-3)!.id))).toEqual(['2498', '2499']);
    expect(journal.after(kept.at(-1)!.id)).toEqual([]);
  });

  it('gives numbers that grow, also from one run to the next', () => {
    const first = new LogJournal(1_700_000_000_000);
    for (let i = 0; i < 10; i++) first.add(line('first'));
    const second = new LogJournal(1_700_000_000_001);
    second.add(line('second'));
    expect(second.after(0)[0]!.id).toBeGreaterThan(first.after(0).at(-1)!.id);
    expect(messages(second.after(first.after(0).at(-1)!.id))).toEqual(['second']);
  });

  it('tells followers each line until they leave', () => {
    const journal = new LogJournal(0);
    const heard: string[] = [];
    const leave = journal.follow((entry) => heard.push(...messages([entry])));
    journal.add(line('one'));
    leave();
    journal.add(line('two'));
    expect(heard).toEqual(['one']);
  });

  it('keeps of a very long line what every line has', () => {
    const journal = new LogJournal(0);
    journal.add(line('x'.repeat(10_000)));
    const [entry] = journal.after(0);
    expect(entry!.line.length).toBeLessThan(2000);
    expect(JSON.parse(entry!.line)).toMatchObject({ level: 'info', message: 'x'.repeat(1024) });
  });

  it('has the lines of the log as they are written, with secrets masked, and none below its level', () => {
    const written: string[] = [];
    const journal = new LogJournal(0);
    const log = createLog({
      level: 'info',
      to: { write: (text: string) => void written.push(text) },
      onLine: (text) => journal.add(text),
    });
    log.debug('not this');
    log.warn('a peer', { peer: { password: 'hush' } });
    expect(journal.after(0).map((entry) => `${entry.line}\n`)).toEqual(written);
    expect(written).toHaveLength(1);
    expect(written[0]).not.toContain('hush');
  });
});
