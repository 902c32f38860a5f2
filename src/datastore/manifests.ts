// The text of a file → the resources in it, each with the line where it begins. YAML takes seconds for thousands of resources;
// JSON, which is YAML too, and plain YAML are read by faster means, and lines looked for only when a message needs one.

import type { Document, Node, parseAllDocuments, ScalarTag } from 'yaml';
import { plainYaml } from './plain-yaml.ts';

export interface Manifest {
  readonly content: unknown;
  /** "cluster.yaml:12". */
  readonly where: () => string;
}

export type Manifests =
  | { readonly ok: true; readonly manifests: readonly Manifest[] }
  /** @property message  with file and line. */
  | { readonly ok: false; readonly message: string };

/** The package `yaml`, which those who use etcd need not load. */
export interface Yaml {
  readonly parseAllDocuments: typeof parseAllDocuments;
}

/** @param name  of the file, for messages. */
export function manifestsIn(text: string, name: string, yaml: Yaml): Manifests {
  const documents = jsonDocuments(text) ?? plainYaml(text)?.filter((content) => content !== null);
  if (documents === undefined) return fromYaml(text, name, yaml);
  let slowly: Manifests | undefined;
  const lineOf = (index: number): string => {
    slowly ??= fromYaml(text, name, yaml);
    return (slowly.ok ? slowly.manifests[index]?.where() : undefined) ?? name;
  };
  const items = documents.flatMap((content) => itemsOf(content) ?? [content]);
  return { ok: true, manifests: items.map((content, index) => ({ content, where: () => lineOf(index) })) };
}

/** JSON, alone or in several documents. @returns undefined when anything else is there: a comment, say. */
function jsonDocuments(text: string): unknown[] | undefined {
  if (!/^\s*(?:---\s)?\s*[[{]/.test(text)) return undefined;
  const parts = text.split(/^---[ \t]*\r?$/m).filter((part) => part.trim() !== '');
  try {
    return parts.map((part): unknown => JSON.parse(part)).filter((content) => content !== null);
  } catch {
    return undefined;
  }
}

function fromYaml(text: string, name: string, { parseAllDocuments }: Yaml): Manifests {
  const documents = parseAllDocuments(text, { prettyErrors: false, customTags: [CALICOCTL_BOOLEAN] });
  const manifests: Manifest[] = [];
  const at = (offset: number) => `${name}:${text.slice(0, offset).split('\n').length}`;
  for (const document of Array.isArray(documents) ? documents : []) {
    const [error] = document.errors;
    if (error !== undefined) return { ok: false, message: `${at(error.pos[0])}: ${error.message}` };
    const content: unknown = document.toJS();
    if (content === null || content === undefined) continue; // a document of comments
    const items = itemsOf(content);
    for (const [index, item] of (items ?? [content]).entries()) {
      const path = items === undefined ? [] : Array.isArray(content) ? [index] : ['items', index];
      manifests.push({ content: item, where: () => at(offsetOf(document, path)) });
    }
  }
  return { ok: true, manifests };
}

/** calicoctl reads YAML 1.1 in this one way: `route-reflector: yes` is the label "true" (data model 2.3). */
const CALICOCTL_BOOLEAN: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: /^(?:yes|Yes|YES|on|On|ON|no|No|NO|off|Off|OFF)$/,
  resolve: (text) => /^(yes|on)$/i.test(text),
};

const offsetOf = (document: Document.Parsed, path: readonly (string | number)[]): number =>
  (document.getIn(path, true) as Node | undefined)?.range?.[0] ?? 0;

/** Lists as calicoctl and kubectl print them: `kind: BGPPeerList` or `List`, with `items`. */
function itemsOf(content: unknown): readonly unknown[] | undefined {
  if (Array.isArray(content)) return content;
  if (typeof content !== 'object' || content === null) return undefined;
  const { kind, items } = content as { readonly kind?: unknown; readonly items?: unknown };
  return Array.isArray(items) && (typeof kind !== 'string' || kind.endsWith('List')) ? items : undefined;
}
