// The command line as flags and positionals, checked against a table of flags. What the values mean is the table owner's.

/** One flag of a command; rows of config/config.ts have this shape too. */
export interface Flag {
  /** With its dashes: `--output`. */
  readonly flag: string;
  /** One letter with its dash: `-o`. */
  readonly short?: string;
  /** Stands for the value in help; undefined is a switch. */
  readonly value: string | undefined;
  readonly help: string;
  /** When only these are accepted. */
  readonly choices?: readonly string[];
}

export type ParsedFlags =
  /** Flags as `--name` → value, a switch as `true`; of a flag given twice the last counts. */
  | {
      readonly ok: true;
      readonly flags: ReadonlyMap<string, string>;
      readonly positionals: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * `--name value`, `--name=value`, `-n value`, `-nvalue`, switches, and `--` before what only looks like a flag.
 * @param args  what follows the command's name.
 * @returns every problem found, each a whole sentence.
 */
export function parseFlags(args: readonly string[], known: readonly Flag[]): ParsedFlags {
  const flags = new Map<string, string>();
  const positionals: string[] = [];
  const problems: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (word === '--') {
      positionals.push(...args.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      positionals.push(word);
      continue;
    }
    const { name, attached } = split(word);
    const flag = known.find((one) => one.flag === name || one.short === name);
    if (flag === undefined) {
      problems.push(`unknown flag ${name}${meant(name, names(known))}`);
      // `--nod host-1`: what follows belongs to it most likely, and is not worth a second message.
      if (attached === undefined && args[i + 1]?.startsWith('-') === false) i++;
      continue;
    }
    if (flag.value === undefined) {
      if (attached === undefined) flags.set(flag.flag, 'true');
      else problems.push(`${name} is a switch and takes no value: leave out ${JSON.stringify(attached)}`);
      continue;
    }
    const next = args[i + 1];
    // A value that begins with a dash has to be attached, so that a forgotten value does not swallow a flag.
    const value = attached ?? (next === undefined || next.startsWith('-') ? undefined : next);
    if (value === undefined) {
      problems.push(`${name} needs a value: ${name} ${flag.value}`);
      continue;
    }
    if (attached === undefined) i++;
    if (flag.choices !== undefined && !flag.choices.includes(value)) {
      problems.push(`${name} ${JSON.stringify(value)} is not usable: accepted is ${flag.choices.join(', ')}`);
      continue;
    }
    flags.set(flag.flag, value);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, flags, positionals };
}

function split(word: string): { readonly name: string; readonly attached: string | undefined } {
  const equals = word.indexOf('=');
  if (word.startsWith('--')) {
    return equals < 0
      ? { name: word, attached: undefined }
      : { name: word.slice(0, equals), attached: word.slice(equals + 1) };
  }
  if (word.length === 2) return { name: word, attached: undefined };
  return { name: word.slice(0, 2), attached: word.slice(equals === 2 ? 3 : 2) };
}

const names = (known: readonly Flag[]): readonly string[] =>
  known.flatMap((flag) => (flag.short === undefined ? [flag.flag] : [flag.flag, flag.short]));

/** `: is --node meant?`, or nothing when no candidate is near. */
export function meant(word: string, candidates: readonly string[]): string {
  const near = closest(word, candidates);
  return near.length > 0 ? `: is ${near.join(' or ')} meant?` : '';
}

/** Variables of ours that are spelled almost right, and would otherwise be ignored in silence. @returns sentences. */
export function misspelledVariables(
  env: Readonly<Record<string, string | undefined>>,
  known: readonly string[],
): readonly string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('MESOS_BGP_') && !known.includes(name))
    .map((name) => ({ name, near: closest(name, known)[0] }))
    .filter(({ near }) => near !== undefined)
    .map(({ name, near }) => `${name} is no variable of mesos-bgp and has no effect: is ${near} meant?`);
}

/** Candidates at most two letters away (one for short words), or that begin with what was typed; nearest first, at most three. */
export function closest(word: string, candidates: readonly string[]): readonly string[] {
  const stem = (value: string) => value.replace(/^-+/, '').toLowerCase();
  const typed = stem(word);
  const reach = typed.length <= 1 ? 0 : typed.length <= 4 ? 1 : 2;
  return candidates
    .map((candidate) => {
      const other = stem(candidate);
      const begins = typed.length >= 3 && (other.startsWith(typed) || other.split('-').includes(typed));
      return {
        candidate,
        distance: Math.min(begins ? 1 : Number.POSITIVE_INFINITY, editDistance(typed, other)),
      };
    })
    .filter(({ distance }) => distance <= reach)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, before[j - 2]! + 1);
      }
      row.push(best);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length]!;
}
