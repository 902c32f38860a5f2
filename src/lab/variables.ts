// What a topology file may leave open: environment variables in its text, and magic words in some of its fields.

/** Looks like containerlab's: `${VAR}`, `$VAR`, `${VAR:-x}`, `${VAR:=x}`, `${VAR:+x}`, and `$$` for a dollar sign. */
const REFERENCE = /\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?([-=+])([^}]*))?\})/g;

/**
 * Replaces the variables of a file's text, before it is parsed (so they work anywhere in it).
 * An unset variable is empty, as with containerlab. Line numbers stay true: a line break in a value becomes a space.
 */
export function substituteVariables(text: string, env: Readonly<Record<string, string | undefined>>): string {
  const assigned = new Map<string, string>();
  const value = (name: string): string => env[name] || (assigned.get(name) ?? '');
  return text.replace(REFERENCE, (_match, dollar, plain, braced, operator, operand = '') => {
    if (dollar !== undefined) return '$';
    const name: string = plain ?? braced;
    const known = value(name);
    const result = operator === '+' ? (known ? operand : '') : known || operand;
    if (operator === '=' && !known) assigned.set(name, operand);
    return String(result).replace(/\r?\n/g, ' ');
  });
}

export interface MagicWords {
  readonly nodeName: string;
  /** Absolute directories: of the lab, and of the node in it. */
  readonly labDirectory: string;
  readonly nodeDirectory: string;
  /** Base name of the lab directory in containerlab, thus `clab-<name>`. */
  readonly labName: string;
}

/** containerlab's words for the source part of binds and for exec; env has none. */
export function replaceMagicWords(text: string, words: MagicWords): string {
  return text
    .replaceAll('__clabNodeName__', words.nodeName)
    .replaceAll('__clabNodeDir__', words.nodeDirectory)
    .replaceAll('__clabDir__', words.labDirectory)
    .replaceAll('__clabLabName__', words.labName);
}
