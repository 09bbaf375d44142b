import { fieldIssues } from "./fields.ts";
import type { z } from "zod";

/** Parses environment variables; throws one sentence that names each bad variable. Blank counts as absent. */
export function parseEnvironment<T>(schema: z.ZodType<T>, env: Record<string, string | undefined>): T {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new Error(
    `bad configuration: ${fieldIssues(parsed.error)
      .map((issue) => `${issue.field}: ${issue.message}`)
      .join("; ")}`,
  );
}
