// plain-yaml.ts against the package `yaml`: where it answers at all, it says the same.

import fc from 'fast-check';
import * as yaml from 'yaml';
import { manifestsIn } from '../../src/datastore/manifests.ts';
import { plainYaml } from '../../src/datastore/plain-yaml.ts';

/** The slow way, which a comment behind a value forces. */
function slowly(text: string): unknown[] | undefined {
  const parsed = yaml.parseAllDocuments(text, {
    prettyErrors: false,
    customTags: [
      {
        tag: 'tag:yaml.org,2002:bool',
        default: true,
        test: /^(?:yes|Yes|YES|on|On|ON|no|No|NO|off|Off|OFF)$/,
        resolve: (text: string) => /^(yes|on)$/i.test(text),
      },
    ],
  });
  const documents = Array.isArray(parsed) ? parsed : [];
  if (documents.some(({ errors, warnings }) => errors.length + warnings.length > 0)) return undefined;
  return documents.map((document): unknown => document.toJS()).filter((content) => content !== null);
}

const agrees = (text: string): boolean => {
  const plain = plainYaml(text)?.filter((content) => content !== null);
  if (plain !== undefined) expect([text, plain]).toEqual([text, slowly(text)]);
  return plain !== undefined;
};

const word = fc.oneof(
  fc.constantFrom(
    ...[
      'a',
      'x-y',
      '',
      'null',
      '~',
      'true',
      'yes',
      'No',
      'on',
      'OFF',
      '1',
      '-1',
      '+1',
      '1.10',
      '.5',
      '5.',
      '1e3',
    ],
    ...[
      '0x1f',
      '0o17',
      '010',
      '.inf',
      '.NaN',
      '1_0',
      '12:30',
      '64512:300:7',
      '10.0.0.1/24',
      'fd00::1/64',
      'fd00::',
    ],
    ...[
      "rack == 'r1'",
      '!has(x)',
      '"quoted"',
      "it's",
      'a: b',
      'a #b',
      '#c',
      '- a',
      '-',
      '?',
      '*',
      '&a',
      '|',
      '>',
    ],
    ...[
      '{a: 1}',
      '[1, 2]',
      '{}',
      '[]',
      '%x',
      '@x',
      '2026-03-01T09:00:00Z',
      'eth*',
      ' a',
      'a ',
      '<<',
      '=',
      '---',
      '...',
    ],
  ),
  fc.string({ maxLength: 8 }),
);
const key = fc.constantFrom('kind', 'metadata', 'name', 'spec', 'a.b/c', 'yes', 'null', 'x_1');
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(word, fc.integer(), fc.double(), fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  ),
}));

describe('plain YAML', () => {
  it('as programs print it is read, and as the package reads it', () => {
    const resource = {
      apiVersion: 'projectcalico.org/v3',
      kind: 'Node',
      metadata: { name: 'host-1', labels: { rack: 'r1', rr: 'true' }, creationTimestamp: null },
      spec: {
        bgp: { ipv4Address: '10.0.0.1/24', asNumber: 64512 },
        interfaces: [{ name: 'eth0', addresses: ['10.0.0.1'] }],
        x: [],
        y: {},
      },
    };
    const text = `${yaml.stringify(resource)}---\n${yaml.stringify([resource, [1, 'a']], { indentSeq: false })}`;
    expect(plainYaml(text)).toEqual([resource, [resource, [1, 'a']]]);
  });

  it('of any printed value', () => {
    let plain = 0;
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        fc.constantFrom(2, 4),
        (values, indentSeq, indent) => {
          if (agrees(values.map((one) => yaml.stringify(one, { indentSeq, indent })).join('---\n'))) plain++;
        },
      ),
      { numRuns: 3000 },
    );
    expect(plain).toBeGreaterThan(150);
  });

  it('of lines that nobody would print', () => {
    const line = fc
      .tuple(
        fc.integer({ min: 0, max: 4 }),
        fc.constantFrom('', '- ', '- - ', 'a:', 'a: ', 'b: ', 'b:  ', '- c: ', '#', '---', '--- '),
        word,
      )
      .map(([indent, start, end]) => `${' '.repeat(indent)}${start}${end}`);
    let plain = 0;
    fc.assert(
      fc.property(fc.array(line, { maxLength: 7 }), fc.constantFrom('\n', '\r\n'), (lines, end) => {
        if (agrees(lines.join(end))) plain++;
      }),
      { numRuns: 20_000 },
    );
    expect(plain).toBeGreaterThan(500);
  });

  it.each(['yes', 'on', 'Yes', 'ON', 'true'])(
    '%s is true, as calicoctl reads it: by both ways (§2.3)',
    (word) => {
      for (const comment of ['', ' # said so']) {
        const read = manifestsIn(`rr: ${word}${comment}\n`, 'x.yaml', yaml);
        expect(read.ok && read.manifests[0]!.content).toEqual({ rr: true });
      }
    },
  );
});
