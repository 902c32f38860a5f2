import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { secretsFrom } from '../../../src/config/secrets.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  mkdirSync(join(folder, 'inside', 'bgp'), { recursive: true });
  writeFileSync(join(folder, 'outside'), 'not for us');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const read = (name: string, key: string) => secretsFrom(join(folder, 'inside'))(name, key);
const write = (text: string) => writeFileSync(join(folder, 'inside', 'bgp', 'tor'), text);

describe('secretsFrom', () => {
  it.each([
    ['pass word', 'pass word'],
    ['pass\n', 'pass'],
    ['pass\r\n', 'pass'],
    ['pass\n\n', 'pass\n'],
    ['  pass ', '  pass '],
    ['', undefined],
    ['\n', undefined],
  ])('of a file with %j is %j', (text, value) => {
    write(text);
    expect(read('bgp', 'tor')).toBe(value);
  });

  it('is undefined where there is no file', () => {
    expect(read('bgp', 'none')).toBeUndefined();
    expect(read('none', 'tor')).toBeUndefined();
  });

  it('sees a change at the next call', () => {
    const secrets = secretsFrom(join(folder, 'inside'));
    write('one');
    expect(secrets('bgp', 'tor')).toBe('one');
    write('two');
    expect(secrets('bgp', 'tor')).toBe('two');
  });

  it.each([
    ['..', 'outside'],
    ['bgp', '../../outside'],
    ['bgp/..', '../outside'],
    ['', 'tor'],
    ['.', 'bgp'],
  ])('does not leave the folder: %j %j', (name, key) => {
    write('secret');
    expect(read(name, key)).toBeUndefined();
  });
});
