// Splits a command line into words the way a POSIX shell quotes them, without being a shell: no expansion, no pipes.
// containerlab treats `exec` and `cmd` like this, so `ip link show | grep x` passes a literal `|` to ip there and here.

export type Words =
  | { readonly ok: true; readonly words: readonly string[] }
  | { readonly ok: false; readonly message: string };

/** @returns the words, or why the line cannot be split: an open quote, or a backslash with nothing after it. */
export function splitWords(line: string): Words {
  const words: string[] = [];
  let word: string | undefined; // undefined between words: '' is a word of its own when quoted
  let quote: '"' | "'" | undefined;
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!;
    if (quote === "'") {
      if (char === "'") quote = undefined;
      else word += char;
    } else if (char === '\\') {
      const next = line[++i];
      if (next === undefined) return { ok: false, message: 'ends in a backslash' };
      // Inside double quotes a backslash only escapes what would be special there (POSIX XCU 2.2.3).
      word = (word ?? '') + (quote === '"' && !'"\\$`'.includes(next) ? `\\${next}` : next);
    } else if (quote === '"') {
      if (char === '"') quote = undefined;
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quote !== undefined) return { ok: false, message: `has an open ${quote}` };
  if (word !== undefined) words.push(word);
  return { ok: true, words };
}

/** One word so quoted that a POSIX shell reads it back unchanged; plain words stay plain for the reader's sake. */
export function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export const joinWords = (words: readonly string[]): string => words.map(quoteWord).join(' ');
