// A YAML text and the way back from a value to its line, so that every complaint about a file names the place.

import { isAlias, isMap, isNode, isSeq, LineCounter, parseDocument } from 'yaml';

export interface Problem {
  /** 1-based; of the nearest value that the file has. */
  readonly line: number;
  readonly column: number;
  /** Where in the document, as `topology.nodes.a1.exec[2]`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
}

export type Path = readonly (string | number)[];

export interface Source {
  /** The document as plain values, merge keys and aliases resolved. */
  readonly value: unknown;
  problem(path: Path, message: string): Problem;
}

export type Parsed =
  | { readonly ok: true; readonly source: Source }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export function formatPath(path: Path): string {
  return path.reduce<string>(
    (text, step) => text + (typeof step === 'number' ? `[${step}]` : text ? `.${step}` : step),
    '',
  );
}

/** One problem on one line, `file:line:column: path: message`: editors and terminals make a link of it. */
export function formatProblem(file: string, problem: Problem): string {
  const where = problem.path ? `${problem.path}: ` : '';
  return `${file}:${problem.line}:${problem.column}: ${where}${problem.message}`;
}

/** Parses one YAML document. Syntax errors and doubled keys are problems. */
export function parseSource(text: string): Parsed {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  if (document.errors.length > 0)
    return {
      ok: false,
      problems: document.errors.map((error) => ({ ...at(error.pos[0]), path: '', message: error.message })),
    };

  /** Offset of the value at the path, or of the last one on the way there that exists. */
  const offsetOf = (path: Path): number => {
    let node: unknown = document.contents;
    let offset = 0;
    for (const step of [undefined, ...path]) {
      if (step !== undefined) node = isMap(node) || isSeq(node) ? node.get(step, true) : undefined;
      if (isAlias(node)) node = node.resolve(document);
      if (!isNode(node)) break;
      offset = node.range?.[0] ?? offset;
    }
    return offset;
  };
  return {
    ok: true,
    source: {
      value: document.toJS(),
      problem: (path, message) => ({ ...at(offsetOf(path)), path: formatPath(path), message }),
    },
  };
}
