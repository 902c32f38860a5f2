// A JSON object of unknown content, read field by field: what does not fit is reported with its path, and is absent.

import {
  type Address,
  type Family,
  familyOfAddress,
  familyOfPrefix,
  isNoHost,
  type Prefix,
  parseAddress,
  parseNetwork,
  parsePrefix,
} from 'bgp-utils';
import type { InterfaceAddress, SecretKeyRef } from './resources.ts';
import { parseSelector } from './selector.ts';
import { parseAsNumber, parseDuration } from './values.ts';

export type Report = (field: string, message: string) => void;

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
};

const asText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const asFlag = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined);

/** A JSON object whose fields are read one by one; what does not fit is reported with its path and reads as undefined. */
export class Fields {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly report: Report;

  constructor(value: Readonly<Record<string, unknown>>, path: string, report: Report) {
    this.#value = value;
    this.#path = path;
    this.report = report;
  }

  /** Of a field; of the object itself with "". */
  path(name: string): string {
    if (this.#path === '' || name === '') return this.#path || name;
    return `${this.#path}.${name}`;
  }

  wrong(name: string, message: string): undefined {
    this.report(this.path(name), message);
    return undefined;
  }

  /** Absent and null are the same. */
  raw(name: string): unknown {
    const value = Object.hasOwn(this.#value, name) ? this.#value[name] : undefined;
    return value === null ? undefined : value;
  }

  /** Is anything there, right or wrong? "" is what Go has in a text that was not set. */
  has(name: string): boolean {
    const value = this.raw(name);
    return value !== undefined && value !== '';
  }

  isEmpty(): boolean {
    return Object.keys(this.#value).length === 0;
  }

  #read<T>(name: string, what: string, parse: (value: unknown) => T | undefined): T | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    // Somebody may have written the secret itself where its name belongs.
    const seen = /password|secret/i.test(this.path(name)) ? 'the value' : shown(value);
    return this.wrong(name, `${seen} is not ${what}`);
  }

  object(name: string): Fields | undefined {
    return this.#read(name, 'an object', (value) =>
      isObject(value) ? new Fields(value, this.path(name), this.report) : undefined,
    );
  }

  /** An absent object reads as an empty one. */
  inside(name: string): Fields {
    return this.object(name) ?? new Fields({}, this.path(name), this.report);
  }

  list<T>(name: string, parse: (item: unknown, path: string) => T | undefined): T[] | undefined {
    const items = this.#read(name, 'a list', (value) =>
      Array.isArray(value) ? (value as unknown[]) : undefined,
    );
    return items?.flatMap((item, index) => parse(item, `${this.path(name)}[${index}]`) ?? []);
  }

  objects<T>(name: string, parse: (item: Fields) => T | undefined): T[] | undefined {
    return this.list(name, (item, path) => {
      if (isObject(item)) return parse(new Fields(item, path, this.report));
      this.report(path, `${shown(item)} is not an object`);
      return undefined;
    });
  }

  /** @param wrong  what is wrong with a text; those without are taken. */
  strings(name: string, wrong?: (text: string) => string | undefined): string[] | undefined {
    return this.list(name, (item, path) => {
      const message = typeof item === 'string' ? wrong?.(item) : `${shown(item)} is not a text`;
      if (message === undefined) return item as string;
      this.report(path, message);
      return undefined;
    });
  }

  /** Absent and "" are the same. */
  text(name: string): string | undefined {
    return this.#read(name, 'a text', asText) || undefined;
  }

  /** A text that must be there. */
  needed(name: string): string | undefined {
    return this.text(name) ?? (this.has(name) ? undefined : this.wrong(name, 'is missing'));
  }

  flag(name: string): boolean | undefined {
    return this.#read(name, 'true or false', asFlag);
  }

  integer(name: string, min: number, max: number): number | undefined {
    if (this.raw(name) === undefined) return undefined;
    return this.#read(name, `a whole number from ${min} to ${max}`, (value) =>
      Number.isInteger(value) && (value as number) >= min && (value as number) <= max
        ? (value as number)
        : undefined,
    );
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    if (!this.has(name)) return undefined;
    return this.#read(name, `one of ${values.join(', ')}`, (value) =>
      values.find((known) => known === value),
    );
  }

  asNumber(name: string): number | undefined {
    return this.has(name) ? this.#read(name, AS_NUMBER, parseAsNumber) : undefined;
  }

  asNumbers(name: string): number[] | undefined {
    return this.list(name, (value, path) => {
      const parsed = parseAsNumber(value);
      if (parsed === undefined) this.report(path, `${shown(value)} is not ${AS_NUMBER}`);
      return parsed;
    });
  }

  /** Of a host: not the unspecified one, and no multicast. */
  hostAddress(name: string): Address | undefined {
    const found = this.address(name);
    return found !== undefined && isNoHost(found)
      ? this.wrong(name, `${found} is not the address of a host`)
      : found;
  }

  address(name: string, family?: Family): Address | undefined {
    if (!this.has(name)) return undefined;
    return this.#read(
      name,
      family === undefined ? 'an IP address' : `an ${LABEL[family]} address`,
      (value) => {
        const parsed = typeof value === 'string' ? parseAddress(value) : undefined;
        return parsed !== undefined && (family === undefined || familyOfAddress(parsed) === family)
          ? parsed
          : undefined;
      },
    );
  }

  interfaceAddress(name: string, family: Family): InterfaceAddress | undefined {
    if (!this.has(name)) return undefined;
    const what = `an ${LABEL[family]} address with its prefix length, as in ${EXAMPLE[family]}`;
    return this.#read(name, what, (value) => {
      const parsed = typeof value === 'string' ? parseNetwork(value) : undefined;
      if (parsed === undefined || familyOfAddress(parsed.address) !== family || isNoHost(parsed.address))
        return undefined;
      return { address: parsed.address, network: parsed.prefix };
    });
  }

  prefix(name: string, family?: Family): Prefix | undefined {
    return this.#read(
      name,
      `${family === undefined ? 'a' : `an ${LABEL[family]}`} CIDR without host bits`,
      (value) => {
        const parsed = typeof value === 'string' ? parsePrefix(value) : undefined;
        return parsed !== undefined && (family === undefined || familyOfPrefix(parsed) === family)
          ? parsed
          : undefined;
      },
    );
  }

  /** Rounded to whole seconds, as Calico does. */
  seconds(name: string): number | undefined {
    return this.#read(name, 'a duration like "2m0s"', (value) => {
      const ms = typeof value === 'string' ? parseDuration(value) : undefined;
      return ms === undefined || ms < 0 ? undefined : Math.round(ms / 1000);
    });
  }

  selector(name: string): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const parsed = parseSelector(text);
    if (!parsed.ok)
      this.wrong(name, `${shown(text)} is not a selector, so it matches no node: ${parsed.message}`);
    return text;
  }

  textMap(name: string): Map<string, string> {
    const map = new Map<string, string>();
    const value = this.raw(name);
    if (value === undefined) return map;
    if (!isObject(value)) {
      this.wrong(name, `${shown(value)} is not an object`);
      return map;
    }
    for (const [key, text] of Object.entries(value)) {
      if (typeof text === 'string') map.set(key, text);
      else this.wrong(`${name}.${key}`, `${shown(text)} is not a text`);
    }
    return map;
  }
}

export const named = (name: string, root: Fields) => ({
  name,
  annotations: root.inside('metadata').textMap('annotations'),
});

/** @returns 'unusable' for one that is asked for and says not which: it must not count as none. */
export function secret(fields: Fields, name: string): SecretKeyRef | 'unusable' | undefined {
  if (!fields.has(name)) return undefined;
  const password = fields.object(name);
  if (password === undefined) return 'unusable';
  const ref = password.object('secretKeyRef');
  if (ref === undefined) {
    if (!password.has('secretKeyRef'))
      password.wrong('secretKeyRef', 'is missing: it needs "name" and "key"');
    return 'unusable';
  }
  const [secretName, key] = [ref.needed('name'), ref.needed('key')];
  return secretName === undefined || key === undefined ? 'unusable' : { name: secretName, key };
}

const LABEL: Readonly<Record<Family, string>> = { ipv4: 'IPv4', ipv6: 'IPv6' };
const EXAMPLE: Readonly<Record<Family, string>> = { ipv4: '10.0.1.11/24', ipv6: 'fd00:1::11/64' };
/** What `parseAsNumber` accepts, for messages. */
export const AS_NUMBER = 'an AS number (1 to 4294967295, or dotted as in "1.10")';
