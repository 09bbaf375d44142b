import type { Sql } from "./sql.ts";
import { notBuilt } from "./not-built.ts";

/** Which generation owns which slot; the same shape as the contract's SlotPlan. */
export interface SlotPlanRow {
  revision: number;
  target: number | null;
  slots: { index: number; generation: number | null }[];
  /** A cordon stands: nothing new is to start there. */
  draining: boolean;
}
/** Undefined when there is no such sandbox. */
export async function slotPlan(_sql: Sql, _sandboxId: string): Promise<SlotPlanRow | undefined> {
  return notBuilt();
}
