/** Ends a `switch` over a union: adding a member becomes a compile error, an unknown value a thrown one. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value ${JSON.stringify(value)}: a case is missing here`);
}
