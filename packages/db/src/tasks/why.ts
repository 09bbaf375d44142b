import type { LeaseTimes, TaskState } from "@valet/shared";
import type { Sql } from "../sql.ts";
import { notBuilt } from "../not-built.ts";

export type WhyCode =
  | "not_waiting"
  | "ahead_in_queue"
  | "no_free_slot"
  | "no_matching_sandbox"
  | "all_cordoned"
  | "all_unreachable"
  | "no_allowed_release"
  | "no_sandboxes";
export interface Why {
  state: TaskState;
  code: WhyCode;
  message: string;
  position: number | null;
  etaMs: number | null;
}
/** What a waiting task waits for. Undefined when there is no such task. */
export async function whyTask(_sql: Sql, _taskId: string, _times: LeaseTimes): Promise<Why | undefined> {
  return notBuilt();
}
