import type { z } from "zod";

/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  path: (string | number)[];
  /** The path as text: `environments.production.services.ghosthands.maxParallel`. */
  field: string;
  /** What is allowed there. */
  message: string;
  code: string;
}

type Issue = z.core.$ZodIssue;

/** Flat: unknown keys each by its name. */
export function problemsOf(issues: readonly Issue[]): ConfigProblem[] {
  return issues.flatMap(problemOf);
}

function problemOf(issue: Issue): ConfigProblem[] {
  const { path } = issue;
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => problem([...path, key], issue.message, issue.code));
  }
  return [problem(path, issue.message, issue.code ?? "custom")];
}

function problem(path: readonly PropertyKey[], message: string, code: string): ConfigProblem {
  const keys = path.map((key) => (typeof key === "number" ? key : String(key).slice(0, 100)));
  return { path: keys, field: keys.join("."), message, code };
}

/** Says what is allowed, in words for people; undefined leaves zod's own sentence. For `safeParse(…, { error: explainIssue })`. */
export const explainIssue: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case "too_small":
      return `must be ${issue.inclusive === false ? "more than" : "at least"} ${amountOf(issue.minimum, issue.origin)}`;
    case "too_big":
      return `must be ${issue.inclusive === false ? "less than" : "at most"} ${amountOf(issue.maximum, issue.origin)}`;
    case "invalid_type":
      return `${missing(issue)}must be ${kindOf(issue.expected)}`;
    case "invalid_value":
      return `${missing(issue)}must be ${issue.values.length === 1 ? "" : "one of "}${issue.values.join(", ")}`;
    case "unrecognized_keys":
    case "invalid_key":
      return `there is no such key; allowed here: ${allowedKeys(issue.inst).join(", ") || "none"}`;
    case "invalid_format":
      return issue.format === "datetime" ? "must be a time such as 2026-12-24T18:00:00+01:00" : undefined;
    default:
      return undefined;
  }
};

function missing(issue: { input?: unknown }): string {
  return issue.input === undefined ? "is missing: " : "";
}

function amountOf(limit: number | bigint, origin: string): string {
  if (origin === "array") return `${limit} ${Number(limit) === 1 ? "entry" : "entries"}`;
  return origin === "string" ? `${limit} characters long` : String(limit);
}

const kinds: Record<string, string> = {
  number: "a number",
  int: "a whole number",
  string: "text",
  boolean: "true or false",
  array: "a list",
  object: "a mapping of keys to values",
  record: "a mapping of keys to values",
};

function kindOf(expected: string): string {
  return kinds[expected] ?? expected;
}

function allowedKeys(schema: unknown): string[] {
  const def = (schema as { _zod?: { def?: { shape?: object; keyType?: { options?: string[] } } } } | undefined)?._zod
    ?.def;
  return def?.shape ? Object.keys(def.shape) : (def?.keyType?.options ?? []);
}
