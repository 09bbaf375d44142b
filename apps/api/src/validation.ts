import { explainIssue } from "@valet/contracts";
import { type FieldDetail, UserError } from "@valet/shared";
import type { FastifyInstance } from "fastify";
import type { z } from "zod";

/** zod validates what comes in and shapes what goes out; unknown fields of an answer are dropped, never sent. */
export function installValidation(app: FastifyInstance): void {
  app.setValidatorCompiler<z.ZodType>(({ schema, httpPart }) => (data) => {
    const isAbsent = httpPart === "body" && (data === null || data === undefined);
    const parsed = schema.safeParse(isAbsent ? {} : data, { error: explainIssue });
    return parsed.success ? { value: parsed.data } : { error: validationError(parsed.error.issues, httpPart) };
  });
  app.setSerializerCompiler<z.ZodType>(({ schema, method, url }) => (data) => {
    const parsed = schema.safeParse(data);
    if (parsed.success) return JSON.stringify(parsed.data);
    throw new Error(`The answer of ${method} ${url} does not fit its schema`, { cause: parsed.error });
  });
}

/** 422 that names each field and what is allowed there. At most 20 fields are listed. */
export function validationError(issues: readonly z.core.$ZodIssue[], part = "body"): UserError {
  const details = issues.slice(0, 20).flatMap(detailsOf);
  const first = details[0];
  const where = part === "body" ? "" : ` of the ${part === "querystring" ? "query" : part}`;
  const more = details.length > 1 ? ` (and ${details.length - 1} more)` : "";
  const what = first ? `${first.field || "the body"}${where}: ${first.message}${more}` : "The input is not valid.";
  return new UserError("validation", what, details);
}

function detailsOf(issue: z.core.$ZodIssue): FieldDetail[] {
  const path = issue.path.map(String);
  const { code } = issue;
  const message = issue.message.slice(0, 500);
  if (code !== "unrecognized_keys") return [{ field: path.join("."), message, code }];
  return issue.keys.slice(0, 20).map((key) => ({ field: [...path, key.slice(0, 100)].join("."), message, code }));
}
