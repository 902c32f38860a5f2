import fc from 'fast-check';
import { joinWords, splitWords } from '../../../src/lab/words.ts';

describe('splitting a command line', () => {
  it.each<[string, string[]]>([
    ['ip addr add 10.0.0.1/24 dev eth1', ['ip', 'addr', 'add', '10.0.0.1/24', 'dev', 'eth1']],
    ['  blanks \t between  ', ['blanks', 'between']],
    ['', []],
    [`sh -c "ip route; hostname"`, ['sh', '-c', 'ip route; hostname']],
    [`sh -c 'echo "$HOME"'`, ['sh', '-c', 'echo "$HOME"']],
    [`a'b'"c"d`, ['abcd']],
    [`one '' ""`, ['one', '', '']],
    ['a\\ b', ['a b']],
    ['"a\\"b\\\\c\\nd"', ['a"b\\c\\nd']],
    [`'a\\'`, ['a\\']],
    ['ip link | grep x > /tmp/y && z $HOME *', 'ip link | grep x > /tmp/y && z $HOME *'.split(' ')],
  ])('%j becomes %j', (line, words) => {
    expect(splitWords(line)).toEqual({ ok: true, words });
  });

  it.each([
    [`sh -c "open`, 'has an open "'],
    [`it's`, "has an open '"],
    ['end\\', 'ends in a backslash'],
  ])('%j is refused: %s', (line, message) => {
    expect(splitWords(line)).toEqual({ ok: false, message });
  });

  it('gives back what joining quoted', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (words) => {
        expect(splitWords(joinWords(words))).toEqual({ ok: true, words });
      }),
    );
  });
});
