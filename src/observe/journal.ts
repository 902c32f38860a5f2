// The last lines of the log, kept for those who ask later, and told to those who follow: what /v1/events serves. A ring, so that
// it costs the same after a year as after an hour.

import type { Journal, JournalEntry } from '../control/source.ts';

const ENTRIES = 1000;
/** A line with a long list in it must not push the memory up. */
const MAX_LINE_OCTETS = 4096;

export class LogJournal implements Journal {
  private readonly ring: JournalEntry[] = [];
  private readonly followers = new Set<(entry: JournalEntry) => void>();
  private id: number;

  /** @param startedAtMs  since 1970: numbers of a later run are higher than those of this one. */
  constructor(startedAtMs: number) {
    this.id = startedAtMs * 1000;
  }

  /** @param text  a line of the log, one JSON object; its secrets are masked already. */
  add(text: string): void {
    const line = text.trimEnd();
    const entry = { id: ++this.id, line: line.length > MAX_LINE_OCTETS ? shortened(line) : line };
    this.ring[this.id % ENTRIES] = entry;
    for (const follower of this.followers) follower(entry);
  }

  after(id: number): readonly JournalEntry[] {
    const kept = this.ring.filter((entry) => entry.id > id);
    return kept.sort((a, b) => a.id - b.id);
  }

  follow(onEntry: (entry: JournalEntry) => void): () => void {
    this.followers.add(onEntry);
    return () => void this.followers.delete(onEntry);
  }
}

/** What every line has, without its details. */
function shortened(line: string): string {
  const { level, time, node, event, message } = JSON.parse(line) as Record<string, unknown>;
  return JSON.stringify({
    level,
    time,
    node,
    event,
    message: String(message).slice(0, MAX_LINE_OCTETS / 4),
    details: 'too long: the log has them',
  });
}
