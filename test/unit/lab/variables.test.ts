// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the braces are those of the topology file

import { replaceMagicWords, substituteVariables } from '../../../src/lab/variables.ts';

describe('variables of a topology file', () => {
  const env = { SET: 'value', EMPTY: '', LINES: 'a\nb' };
  it.each([
    ['${SET} $SET', 'value value'],
    ['${UNSET}|$UNSET|', '||'],
    ['${SET:-other} ${UNSET:-other} ${EMPTY:-other} ${UNSET-x}', 'value other other x'],
    ['${UNSET:=kept} ${UNSET}', 'kept kept'],
    ['${SET:+there} [${UNSET:+there}]', 'there []'],
    ['$$SET costs $$5', '$SET costs $5'],
    ['$SET-1 ${SET}x $SETx', 'value-1 valuex '],
    ['100% $ {x} $1', '100% $ {x} $1'],
  ])('%j becomes %j', (text, expected) => {
    expect(substituteVariables(text, env)).toBe(expected);
  });

  it('never move a line', () => {
    expect(substituteVariables('x: ${LINES}\ny', env)).toBe('x: a b\ny');
  });
});

it('magic words name the node, its folder and its lab', () => {
  const words = { nodeName: 'a1', labDirectory: '/run/l', nodeDirectory: '/run/l/a1', labName: 'clab-l' };
  expect(replaceMagicWords('__clabNodeName__ __clabNodeDir__ __clabDir__ __clabLabName__', words)).toBe(
    'a1 /run/l/a1 /run/l clab-l',
  );
});
