import { parseSelector } from '../../../src/calico/selector.ts';

const labels = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text
      .split(' ')
      .filter((pair) => pair !== '')
      .map((pair) => pair.split('=') as [string, string]),
  );

const matches = (selector: string, given: string): boolean => {
  const parsed = parseSelector(selector);
  return parsed.ok && parsed.matches(labels(given));
};

describe('a selector (§2.3)', () => {
  it.each([
    ['', '', true],
    ['   ', '', true],
    ['all()', '', true],
    ['all( )', '', true],
    ['global()', '', true],
    ["rack == 'r1'", 'rack=r1', true],
    ['rack == "r1"', 'rack=r1', true],
    ["rack=='r1'", 'rack=r2', false],
    ["rack == 'r1'", '', false],
    ["rack != 'r1'", 'rack=r2', true],
    ["rack != 'r1'", 'rack=r1', false],
    ["rack != 'r1'", '', true],
    ["rack in {'r1', 'r2'}", 'rack=r2', true],
    ["rack in {'r1', 'r2',}", 'rack=r3', false],
    ["rack in {'r1'}", '', false],
    ['rack in {}', 'rack=r1', false],
    ['rack not in {}', 'rack=r1', true],
    ['rack not in {}', '', true],
    ["rack not in {'r1'}", '', true],
    ["rack not in {'r1'}", 'rack=r1', false],
    ["rack notin {'r1'}", 'rack=r2', true],
    ["rack contains 'ac'", 'rack=back', true],
    ["rack contains ''", 'rack=back', true],
    ["rack contains ''", '', false],
    ["rack starts with 'ba'", 'rack=back', true],
    ["rack startswith 'ck'", 'rack=back', false],
    ["rack starts\twith 'ba'", 'rack=back', true],
    ["rack ends with 'ck'", 'rack=back', true],
    ["rack endswith 'ba'", 'rack=back', false],
    ['has(rack)', 'rack=', true],
    ['has( rack )', '', false],
    ['!has(rack)', '', true],
    ['!!has(rack)', '', false],
    ['! ! has(rack)', 'rack=x', true],
    ["!rack == 'r1'", 'rack=r2', true],
    ["a == '1' || b == '1' && c == '1'", 'a=1', true],
    ["(a == '1' || b == '1') && c == '1'", 'a=1', false],
    ["(a == '1' || b == '1') && c == '1'", 'a=1 c=1', true],
    ["!a == '1' && b == '1'", 'b=1', true],
    ["!(a == '1' && b == '1')", 'b=1', true],
    ["has == 'x'", 'has=x', true],
    ["all == 'x'", 'all=x', true],
    ["in in {'in'}", 'in=in', true],
    ["contains contains 'x'", 'contains=axb', true],
    ["not not in {'x'}", 'not=y', true],
    ["example.com/rack-1_a == 'x'", 'example.com/rack-1_a=x', true],
    [`a == 'say "x"'`, 'a=y', false],
    [`a == "it's"`, "a=it's", true],
    [`a == ''`, 'a=', true],
    [`a == '\\'`, 'a=\\', true],
  ])('%s on {%s} is %s', (selector, given, expected) => {
    const parsed = parseSelector(selector);
    expect(parsed).toMatchObject({ ok: true });
    expect(matches(selector, given)).toBe(expected);
  });

  it.each([
    ["rack = 'r1'"],
    ["rack == 'r1' & has(x)"],
    ["rack == 'r1' | has(x)"],
    ['rack == r1'],
    ["rack == 'r1"],
    ['rack'],
    ['has (rack)'],
    ['has()'],
    ['all ()'],
    ['all'],
    ["rack == 'r1' rack == 'r2'"],
    ["rack == 'r1' &&"],
    ["&& rack == 'r1'"],
    ['(has(a)'],
    ['has(a))'],
    ['!'],
    ['()'],
    ["a in {'x' 'y'}"],
    ["a in {,'x'}"],
    ["a in {'x'"],
    ["a in 'x'"],
    ["a starts 'x'"],
    ["a insert 'x'"],
    ["a\n== 'x'"],
    ["rück == 'x'"],
    [`${'a'.repeat(513)} == 'x'`],
    ['('.repeat(5000)],
  ])('%s is refused, and matches nothing', (selector) => {
    const parsed = parseSelector(selector);
    expect(parsed.ok).toBe(false);
    expect(!parsed.ok && parsed.message).toMatch(/is expected$/);
    expect(parseSelector(selector).ok).toBe(false);
  });

  it('a message says where it went wrong and what was expected', () => {
    expect(parseSelector("rack = 'r1'")).toEqual({
      ok: false,
      message:
        'at "= \'r1\'" (character 6) ==, !=, in, not in, contains, starts with or ends with is expected',
    });
    expect(parseSelector('has(a) && ')).toEqual({ ok: false, message: 'it ends where a label is expected' });
  });

  it('a label of 512 characters is one', () => {
    expect(parseSelector(`has(${'a'.repeat(512)})`).ok).toBe(true);
  });
});
