import type { SlotPlanRow } from "@valet/shared";
import type { Sql } from "./sql.ts";

/** Undefined when there is no such sandbox. */
export async function slotPlan(sql: Sql, sandboxId: string): Promise<SlotPlanRow | undefined> {
  const { rows } = await sql.query<SlotPlanRow>(
    `SELECT s.plan_revision AS revision, s.target_generation AS target,
       coalesce((SELECT jsonb_agg(jsonb_build_object('index', l.index, 'generation', l.generation) ORDER BY l.index)
         FROM slots l WHERE l.sandbox_id = s.id), '[]') AS slots,
       EXISTS (SELECT 1 FROM cordons c WHERE c.sandbox_id = s.id) AS draining
     FROM sandboxes s WHERE s.id = $1`,
    [sandboxId],
  );
  return rows[0];
}
