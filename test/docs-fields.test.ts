// docs/configuration.md lists every resource field with its effect. Its tables are made from the code:
// `UPDATE_DOCS=1 npx jest test/docs-fields.test.ts` writes them anew.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ChangeClass, changeOf } from '../src/desired/field-changes.ts';
import { fieldTables } from './support/field-docs.ts';

const FILE = join(__dirname, '../docs/configuration.md');
const BETWEEN = /(<!-- fields: .*? -->\n)[\s\S]*?(\n<!-- fields end -->)/;

const WORDS: Readonly<Record<ChangeClass, string>> = {
  none: '-',
  'in place': 'in place',
  'next session': 'next session',
  refresh: 'refresh',
  sessions: 'sessions come or go',
  reset: 'resets its sessions',
  'reset all': 'resets all sessions',
};
const CHANGE = { title: 'A change', of: (field: Parameters<typeof changeOf>[0]) => WORDS[changeOf(field)] };

it('docs/configuration.md has the tables of the code', () => {
  const text = readFileSync(FILE, 'utf8');
  const wanted = text.replace(
    BETWEEN,
    (_, begin: string, end: string) => `${begin}\n${fieldTables([CHANGE])}\n${end}`,
  );
  if (process.env.UPDATE_DOCS === '1') writeFileSync(FILE, wanted);
  expect(wanted).toContain('### BlockAffinity');
  if (process.env.UPDATE_DOCS !== '1') expect(text).toBe(wanted);
});
