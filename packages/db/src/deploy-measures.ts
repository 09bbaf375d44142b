import type { Sql } from "./sql.ts";
import { notBuilt } from "./not-built.ts";

export interface DeployMeasures {
  newWorkOnNewVersionMs: number | null;
  lastOldTaskEndedMs: number | null;
  tasksLost: number | null;
  minCapacityPct: number | null;
}
/** The two clocks and the two promises of a deploy, recomputed from attempts and slot_changes. */
export async function deployMeasures(_sql: Sql, _deployId: string): Promise<DeployMeasures> {
  return notBuilt();
}
