// The end of a switch over a union.

/** @throws always: a member of the union was added without its case, or a value broke its type. */
export function assertNever(value: never): never {
  throw new Error(`invariant: unhandled ${JSON.stringify(value)}`);
}
