// The YAML that programs print: block mappings and lists, scalars of one line, nothing else. The package `yaml` reads all of
// YAML, and takes two seconds for 7,000 resources; this takes a twentieth of it. Whatever is not plain (flow collections,
// anchors, tags, scalars over several lines, comments behind values, letters beyond ASCII) gives undefined, and the package
// reads the text. A property test holds that where both answer, they agree.

/** @returns the documents that hold something; undefined when the text has anything but the plainest YAML in it. */
export function plainYaml(text: string): unknown[] | undefined {
  if (/[^\n\r\x20-\x7e]/.test(text)) return undefined;
  try {
    return new Parser(text).documents();
  } catch (error) {
    if (error === NOT_PLAIN) return undefined;
    throw error;
  }
}

const NOT_PLAIN = new Error('not plain');
const giveUp = (): never => {
  throw NOT_PLAIN;
};

interface Line {
  readonly indent: number;
  readonly text: string;
}

/** A key is a word that no schema takes for anything else. */
const ENTRY = /^([A-Za-z_][A-Za-z0-9_./-]*):(?: +(.*))?$/;
const ITEM = /^-(?: +(.*))?$/;

class Parser {
  #lines: Line[] = [];
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  documents(): unknown[] {
    const found: unknown[] = [];
    for (const document of this.#text.split(/^---[ ]*\r?$/m)) {
      this.#lines = linesOf(document);
      this.#at = 0;
      if (this.#lines.length === 0) continue;
      found.push(this.#block(this.#lines[0]!.indent));
      if (this.#at < this.#lines.length) giveUp();
    }
    return found;
  }

  #block(indent: number): unknown {
    return ITEM.test(this.#lines[this.#at]!.text) ? this.#list(indent) : this.#mapping(indent);
  }

  #mapping(indent: number): Record<string, unknown> {
    const mapping: Record<string, unknown> = {};
    for (let line = this.#here(indent); line !== undefined; line = this.#here(indent)) {
      const [, key, value] = ENTRY.exec(line.text) ?? [];
      if (key === undefined || key === '__proto__' || Object.hasOwn(mapping, key)) return giveUp();
      if (typeof resolved(key) !== 'string') return giveUp();
      this.#at++;
      mapping[key] = value ? this.#scalar(value, indent) : this.#below(indent, true);
    }
    return mapping;
  }

  #list(indent: number): unknown[] {
    const list: unknown[] = [];
    for (let line = this.#here(indent); line !== undefined; line = this.#here(indent)) {
      const item = ITEM.exec(line.text);
      if (item === null) break; // the mapping goes on that the list is a value of
      const [, rest] = item;
      if (!rest) {
        this.#at++;
        list.push(this.#below(indent, false));
      } else if (ITEM.test(rest) || ENTRY.test(rest)) {
        const inner = indent + line.text.length - rest.length;
        this.#lines[this.#at] = { indent: inner, text: rest };
        list.push(this.#block(inner));
      } else {
        this.#at++;
        list.push(this.#scalar(rest, indent));
      }
    }
    return list;
  }

  /** What stands under a key or a dash: null when nothing does. A list may stand as far left as its key. */
  #below(indent: number, listAllowed: boolean): unknown {
    const next = this.#lines[this.#at];
    if (next === undefined) return null;
    if (next.indent > indent) return this.#block(next.indent);
    return listAllowed && next.indent === indent && ITEM.test(next.text) ? this.#list(indent) : null;
  }

  /** The next line, if it is of this block. */
  #here(indent: number): Line | undefined {
    const line = this.#lines[this.#at];
    if (line !== undefined && line.indent > indent) giveUp();
    return line?.indent === indent ? line : undefined;
  }

  #scalar(text: string, indent: number): unknown {
    if ((this.#lines[this.#at]?.indent ?? 0) > indent) giveUp(); // it goes on there
    return scalarOf(text);
  }
}

function linesOf(document: string): Line[] {
  const lines: Line[] = [];
  for (const raw of document.split('\n')) {
    const line = raw.trimEnd();
    const text = line.trimStart();
    if (text === '' || text.startsWith('#')) continue;
    if (/ #|\r/.test(line) || /^(---|\.\.\.|%)/.test(line)) giveUp();
    lines.push({ indent: line.length - text.length, text });
  }
  return lines;
}

function scalarOf(text: string): unknown {
  if (text.startsWith('"')) return /^"[^"\\]*"$/.test(text) ? text.slice(1, -1) : giveUp();
  if (text.startsWith("'")) return /^'[^']*'$/.test(text) ? text.slice(1, -1) : giveUp();
  if (text === '{}') return {};
  if (text === '[]') return [];
  if (/^[|>&*!%@`,\]{}[#]|^[-?:](\s|$)|:(\s|$)/.test(text)) return giveUp();
  return resolved(text);
}

/** YAML 1.2's core schema, and the booleans that calicoctl takes for such: see manifests.ts. */
function resolved(text: string): unknown {
  if (/^(~|null|Null|NULL)$/.test(text)) return null;
  if (/^(true|True|TRUE|yes|Yes|YES|on|On|ON)$/.test(text)) return true;
  if (/^(false|False|FALSE|no|No|NO|off|Off|OFF)$/.test(text)) return false;
  if (/^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/.test(text)) return Number(text);
  if (/^[-+]?0[ox]|^[-+]?\.(inf|nan)$/i.test(text)) return giveUp();
  return text;
}
