import { movableSlotStates } from "@valet/shared";
import type { Sql } from "./sql.ts";

/** Sandboxes where `handOverSlots` has something to do: a spare browser of the target and a free slot that is not its own. */
export async function handOverCandidates(sql: Sql): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT s.id FROM sandboxes s
     JOIN generations g ON g.sandbox_id = s.id AND g.number = s.target_generation AND g.spare_ready AND g.state <> 'ended'
     WHERE EXISTS (
       SELECT 1 FROM slots l WHERE l.sandbox_id = s.id AND l.generation IS DISTINCT FROM s.target_generation
         AND l.state = ANY ($1::text[]))
       AND (s.target_slots IS NULL OR s.target_slots >
         (SELECT count(*) FROM slots own WHERE own.sandbox_id = s.id AND own.generation = s.target_generation))`,
    [movableSlotStates],
  );
  return rows.map(({ id }) => id);
}
