import type { z } from "zod";

export interface FieldIssue {
  field: string;
  message: string;
  code: string;
}

/** zod's issues as CONTRACTS section 4 shows them. */
export function fieldIssues(error: z.core.$ZodError): FieldIssue[] {
  return error.issues.map((issue) => ({
    field: issue.path.map(String).join(".") || "(body)",
    message: issue.message,
    code: issue.code,
  }));
}
