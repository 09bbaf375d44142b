import type { Environment, TaskState } from "@valet/shared";
import type { JsonObject, Page, PageQuery, Sql } from "../sql.ts";
import type { ArtifactRow, AttemptRow, TaskRow } from "./task-row.ts";
import { notBuilt } from "../not-built.ts";

/** `tenantId` given: only that tenant's. */
export async function getTask(_sql: Sql, _id: string, _tenantId?: string): Promise<TaskRow | undefined> {
  return notBuilt();
}
const sortColumns = {
  createdAt: "t.created_at",
  enqueuedAt: "t.enqueued_at",
  state: "t.state",
  priority: "t.priority",
} as const;
export async function listTasks(
  _sql: Sql,
  _query: PageQuery & {
    tenantId?: string;
    environment?: Environment;
    state?: TaskState;
    sortBy: keyof typeof sortColumns;
  },
): Promise<Page<TaskRow>> {
  return notBuilt();
}
/** Oldest first, reserved ones that were never acknowledged included. */
export async function attemptsOf(_sql: Sql, _taskId: string): Promise<AttemptRow[]> {
  return notBuilt();
}
export interface TaskEventRow {
  id: number;
  taskId: string;
  fence: number;
  /** Negative: written by the control plane. */
  seq: number;
  type: string;
  data: JsonObject;
  at: Date;
}
/** Events of a task behind `afterId` (resumable), in order of arrival. */
export async function taskEventsAfter(
  _sql: Sql,
  _taskId: string,
  _afterId: number,
  _limit: number,
): Promise<TaskEventRow[]> {
  return notBuilt();
}
export async function artifactsOf(_sql: Sql, _taskId: string): Promise<ArtifactRow[]> {
  return notBuilt();
}
