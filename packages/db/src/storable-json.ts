/**
 * JSON that Postgres stores. jsonb takes neither NUL nor half of a surrogate pair, and pages hold both: each becomes U+FFFD, so that
 * one page's text never keeps a whole batch from being stored.
 */
export function storableJson(value: unknown): string {
  const text = JSON.stringify(value);
  return mayBeUnstorable.test(text) ? JSON.stringify(cleaned(value)) : text;
}

/** JSON.stringify escapes both; a pair that is whole is never escaped. */
const mayBeUnstorable = /\\u(?:0000|d[89a-f][0-9a-f]{2})/i;
const unstorable = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function cleaned(value: unknown): unknown {
  if (typeof value === "string") return storableText(value);
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [storableText(key), cleaned(one)]));
}

export const storableText = (text: string): string => text.replace(unstorable, "\ufffd");
