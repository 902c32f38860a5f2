// Selectors against a plain twin: a random tree, its value by definition, and its text with random blanks and quotes.

import fc from 'fast-check';
import { parseSelector } from '../../src/calico/selector.ts';

type Tree =
  | { readonly op: 'or' | 'and'; readonly parts: readonly Tree[] }
  | { readonly op: 'not'; readonly part: Tree }
  | { readonly op: 'has'; readonly key: string }
  | { readonly op: 'all' | 'global' }
  | { readonly op: Comparison; readonly key: string; readonly value: string }
  | { readonly op: 'in' | 'not in'; readonly key: string; readonly values: readonly string[] };

type Comparison = '==' | '!=' | 'contains' | 'starts with' | 'ends with';
type Labels = ReadonlyMap<string, string>;

function holds(tree: Tree, labels: Labels): boolean {
  switch (tree.op) {
    case 'or':
      return tree.parts.some((part) => holds(part, labels));
    case 'and':
      return tree.parts.every((part) => holds(part, labels));
    case 'not':
      return !holds(tree.part, labels);
    case 'all':
    case 'global':
      return true;
    default: {
      const value = labels.get(tree.key);
      if (tree.op === 'has') return value !== undefined;
      if ('values' in tree) {
        const listed = value !== undefined && tree.values.includes(value);
        return tree.op === 'in' ? listed : !listed;
      }
      if (tree.op === '!=') return value === undefined || value !== tree.value;
      if (value === undefined) return false;
      if (tree.op === '==') return value === tree.value;
      if (tree.op === 'contains') return value.includes(tree.value);
      return tree.op === 'starts with' ? value.startsWith(tree.value) : value.endsWith(tree.value);
    }
  }
}

/** `pick` chooses among spellings: blanks, quotes, one word or two. */
function write(tree: Tree, pick: (choices: readonly string[]) => string): string {
  const gap = () => pick(['', ' ', '\t', '  ']);
  const space = () => pick([' ', '\t ', '  ']);
  const quoted = (text: string) =>
    text.includes("'") ? `"${text}"` : text.includes('"') ? `'${text}'` : pick([`'${text}'`, `"${text}"`]);
  switch (tree.op) {
    case 'or':
    case 'and':
      return `(${gap()}${tree.parts.map((part) => write(part, pick)).join(`${gap()}${tree.op === 'or' ? '||' : '&&'}${gap()}`)}${gap()})`;
    case 'not':
      return `!${gap()}${write(tree.part, pick)}`;
    case 'all':
    case 'global':
      return `${tree.op}(${gap()})`;
    case 'has':
      return `has(${gap()}${tree.key}${gap()})`;
    case 'in':
    case 'not in': {
      const word = tree.op === 'in' ? 'in' : pick(['notin', `not${space()}in`]);
      const items = tree.values.map(quoted).join(`${gap()},${gap()}`);
      return `${tree.key}${space()}${word}${gap()}{${gap()}${items}${tree.values.length > 0 ? pick(['', ',']) : ''}${gap()}}`;
    }
    case '==':
    case '!=':
      return `${tree.key}${gap()}${tree.op}${gap()}${quoted(tree.value)}`;
    default: {
      const [first, second] = tree.op.split(' ');
      const word = second === undefined ? first : pick([`${first}${second}`, `${first}${space()}${second}`]);
      return `${tree.key}${space()}${word}${gap()}${quoted(tree.value)}`;
    }
  }
}

const KEYS = ['a', 'rack', 'has', 'in', 'not', 'all', 'starts', 'contains', 'x.y/z-1_2'];
const key = fc.constantFrom(...KEYS);
const value = fc.constantFrom('', 'r1', 'r', '1', 'r1r1', "it's", 'say "x"', 'ü', '&&', '}');
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.record({
      op: fc.constantFrom<Comparison>('==', '!=', 'contains', 'starts with', 'ends with'),
      key,
      value,
    }),
    fc.record({
      op: fc.constantFrom<'in' | 'not in'>('in', 'not in'),
      key,
      values: fc.array(value, { maxLength: 3 }),
    }),
    fc.record({ op: fc.constant<'has'>('has'), key }),
    fc.record({ op: fc.constantFrom<'all' | 'global'>('all', 'global') }),
    fc.record({ op: fc.constant<'not'>('not'), part: tie('tree') }),
    fc.record({
      op: fc.constantFrom<'or' | 'and'>('or', 'and'),
      parts: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
    }),
  ),
}));
const labels = fc.dictionary(key, value).map((object) => new Map(Object.entries(object)));

describe('a selector', () => {
  it('means what its tree means, however it is spelled', () => {
    fc.assert(
      fc.property(tree, labels, fc.infiniteStream(fc.nat()), (node, given, numbers) => {
        const pick = (choices: readonly string[]) => choices[Number(numbers.next().value) % choices.length]!;
        const text = write(node, pick);
        const parsed = parseSelector(text);
        if (!parsed.ok) throw new Error(`${text}: ${parsed.message}`);
        expect(parsed.matches(given)).toBe(holds(node, given));
        // What is said to be needed is: nobody who matches is without it.
        const { needed } = parsed;
        if (needed !== undefined && holds(node, given)) {
          expect(needed.values).toContain(given.get(needed.label));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('of any text whatever is a tree or a message, and never throws', () => {
    const pieces = fc.constantFrom(
      '(',
      ')',
      '!',
      '&&',
      '||',
      '==',
      '!=',
      'in',
      'not',
      '{',
      '}',
      ',',
      "'",
      '"',
      ' ',
      'has(',
      'all(',
      'a',
      '\n',
      '=',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, labels, (any, given) => {
        const parsed = parseSelector(any);
        if (parsed.ok) expect(typeof parsed.matches(given)).toBe('boolean');
        else expect(parsed.message).toMatch(/is expected$/);
      }),
      { numRuns: 2000 },
    );
  });
});
