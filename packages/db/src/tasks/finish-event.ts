import { z } from "zod";
import type { AttemptKey, Finish } from "@valet/shared";

/** `data` of a `finished` event, as the contract's finishedDataSchema has it. */
const schema = z.object({
  status: z.enum(["completed", "failed", "cancelled", "timed_out", "interrupted"]),
  result: z.record(z.string(), z.unknown()).default({}),
  error: z.object({ code: z.string(), message: z.string(), stepIndex: z.number().int().optional() }).optional(),
});

/** An unreadable end is an interruption: nobody knows how it went. */
export function finishOf(event: AttemptKey & { data: Record<string, unknown> }): Finish {
  const ref = { taskId: event.taskId, fence: event.fence, leaseId: event.leaseId };
  const parsed = schema.safeParse(event.data);
  if (!parsed.success) return { ...ref, status: "interrupted", reason: "its finished event could not be read" };
  const { status, result, error } = parsed.data;
  return { ...ref, status, result, ...(error ? { error } : {}) };
}
