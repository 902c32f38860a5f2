// Calico's label selectors: text → tree → does it match these labels. Written for the grammar as it is, with its oddities:
// operator words count only after a label, `has(` takes no blank before the parenthesis, strings know no escapes.

import type { Labels } from './resources.ts';

export type Selector = (labels: Labels) => boolean;

/** A label that every match has with one of these values: lets thousands of nodes be looked up instead of tried. */
export interface Needed {
  readonly label: string;
  readonly values: ReadonlySet<string>;
}

export type ParsedSelector =
  | { readonly ok: true; readonly matches: Selector; readonly needed: Needed | undefined }
  | { readonly ok: false; readonly message: string };

/** The empty selector is `all()`. */
export function parseSelector(text: string): ParsedSelector {
  const parser = new Parser(text);
  const { matches, needed } = parser.selector();
  return parser.failure === undefined
    ? { ok: true, matches, needed }
    : { ok: false, message: parser.failure };
}

interface Part {
  readonly matches: Selector;
  readonly needed: Needed | undefined;
}

/** Pairs instead of lists: selectors are asked millions of times. */
const both =
  (a: Selector, b: Selector): Selector =>
  (labels) =>
    a(labels) && b(labels);
const either =
  (a: Selector, b: Selector): Selector =>
  (labels) =>
    a(labels) || b(labels);

const part = (matches: Selector, needed?: Needed): Part => ({ matches, needed });

const NONE: Selector = () => false;
const ALL: Part = part(() => true);

const LABEL = /[a-zA-Z0-9_./-]{1,512}/y;
const LABEL_CHARACTER = /[a-zA-Z0-9_./-]/;
const MAX_DEPTH = 200;

/** After a failure it stands at the end of the text, where no rule goes on; what it returns then is of no use. */
class Parser {
  failure: string | undefined;
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  selector(): Part {
    this.#blanks();
    if (this.#at === this.#text.length) return ALL;
    const selector = this.#or();
    if (this.#at < this.#text.length) this.#fail('an operator or the end');
    return selector;
  }

  #or(): Part {
    const parts = [this.#and()];
    while (this.#take('||')) parts.push(this.#and());
    return parts.length === 1 ? parts[0]! : part(parts.map(({ matches }) => matches).reduce(either));
  }

  #and(): Part {
    const parts = [this.#term()];
    while (this.#take('&&')) parts.push(this.#term());
    if (parts.length === 1) return parts[0]!;
    return part(
      parts.map(({ matches }) => matches).reduce(both),
      parts.find(({ needed }) => needed !== undefined)?.needed,
    );
  }

  #term(): Part {
    let negated = false;
    while (this.#take('!')) negated = !negated;
    const primary = this.#primary();
    return negated ? part((labels) => !primary.matches(labels)) : primary;
  }

  #primary(): Part {
    if (this.#take('(')) {
      if (++this.#depth > MAX_DEPTH) this.#fail('fewer parentheses');
      const inner = this.#or();
      this.#depth--;
      this.#expect(')');
      return inner;
    }
    if (this.#take('has(')) {
      const label = this.#label();
      this.#expect(')');
      return part((labels) => labels.has(label));
    }
    if (this.#take('all(') || this.#take('global(')) {
      this.#expect(')');
      return ALL;
    }
    return this.#comparison(this.#label());
  }

  #comparison(label: string): Part {
    if (this.#take('==')) {
      const wanted = this.#string();
      return part((labels) => labels.get(label) === wanted, { label, values: new Set([wanted]) });
    }
    if (this.#take('!=')) {
      const unwanted = this.#string();
      return part((labels) => labels.get(label) !== unwanted);
    }
    if (this.#word('contains')) {
      const middle = this.#string();
      return part((labels) => labels.get(label)?.includes(middle) ?? false);
    }
    if (this.#word('startswith') || this.#words('starts', 'with')) {
      const start = this.#string();
      return part((labels) => labels.get(label)?.startsWith(start) ?? false);
    }
    if (this.#word('endswith') || this.#words('ends', 'with')) {
      const end = this.#string();
      return part((labels) => labels.get(label)?.endsWith(end) ?? false);
    }
    if (this.#word('in')) {
      const values = this.#set();
      const matches: Selector = (labels) => {
        const value = labels.get(label);
        return value !== undefined && values.has(value);
      };
      return part(matches, { label, values });
    }
    if (this.#word('notin') || this.#words('not', 'in')) {
      const values = this.#set();
      return part((labels) => {
        const value = labels.get(label);
        return value === undefined || !values.has(value);
      });
    }
    this.#fail('==, !=, in, not in, contains, starts with or ends with');
    return part(NONE);
  }

  #set(): ReadonlySet<string> {
    const values = new Set<string>();
    this.#expect('{');
    while (this.failure === undefined && !this.#take('}')) {
      values.add(this.#string());
      if (this.#take(',')) continue;
      this.#expect('}');
      break;
    }
    return values;
  }

  #string(): string {
    const quote = this.#text[this.#at];
    const end = quote === '"' || quote === "'" ? this.#text.indexOf(quote, this.#at + 1) : -1;
    if (end < 0) {
      this.#fail('a text in quotes');
      return '';
    }
    const value = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    this.#blanks();
    return value;
  }

  #label(): string {
    LABEL.lastIndex = this.#at;
    const label = LABEL.exec(this.#text)?.[0];
    if (label === undefined) {
      this.#fail('a label');
      return '';
    }
    this.#at += label.length;
    if (LABEL_CHARACTER.test(this.#text[this.#at] ?? '')) this.#fail('a label of at most 512 characters');
    this.#blanks();
    return label;
  }

  /** Takes a word that ends at a character no label has. */
  #word(word: string): boolean {
    if (LABEL_CHARACTER.test(this.#text[this.#at + word.length] ?? '')) return false;
    return this.#take(word);
  }

  #words(first: string, second: string): boolean {
    const before = this.#at;
    if (this.#word(first) && this.#word(second)) return true;
    this.#at = before;
    return false;
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    this.#blanks();
    return true;
  }

  #expect(token: string): void {
    if (!this.#take(token)) this.#fail(`"${token}"`);
  }

  /** Blanks and tabs; a newline is a mistake. */
  #blanks(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++;
  }

  #fail(expected: string): void {
    const rest = this.#text.slice(this.#at, this.#at + 20);
    this.failure ??=
      rest === ''
        ? `it ends where ${expected} is expected`
        : `at ${JSON.stringify(rest)} (character ${this.#at + 1}) ${expected} is expected`;
    this.#at = this.#text.length;
  }
}
