import type { Context } from "hono";
import { err, ok, type Result } from "@valet/shared";
import type { z } from "zod";
import { fieldIssues } from "../runtime/fields.ts";

/** The JSON body under a schema, whatever content type it came with; the error is the answer to give. */
export async function readBody<S extends z.ZodType>(c: Context, schema: S): Promise<Result<z.output<S>, Response>> {
  let body: unknown;
  try {
    body = JSON.parse(await c.req.text());
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return err(c.json({ error: "malformed_json", message: `the body is not JSON: ${error.message}` }, 400));
  }
  return checked(c, schema, body);
}

/** The query string under a schema. */
export function readQuery<S extends z.ZodType>(c: Context, schema: S): Result<z.output<S>, Response> {
  return checked(c, schema, c.req.query());
}

function checked<S extends z.ZodType>(c: Context, schema: S, input: unknown): Result<z.output<S>, Response> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return ok(parsed.data);
  return err(c.json({ error: "validation_error", details: fieldIssues(parsed.error) }, 422));
}
