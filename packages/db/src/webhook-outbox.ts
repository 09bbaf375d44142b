import type { TaskState } from "@valet/shared";
import type { Tx } from "./sql.ts";

/** Channel that tells of new rows; no payload. */
export const outboxChannel = "valet_outbox";

/** One thing a client's webhook is to be told. */
export interface WebhookNote {
  id: number;
  taskId: string;
  state: TaskState;
  at: Date;
}

/** Takes up to `limit` notes out of the outbox; whoever takes them stores what follows in the same transaction. */
export async function takeWebhookNotes(tx: Tx, limit: number): Promise<WebhookNote[]> {
  const { rows } = await tx.query<WebhookNote>(
    `DELETE FROM webhook_outbox WHERE id IN (
       SELECT id FROM webhook_outbox ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
     RETURNING id, task_id AS "taskId", state, at`,
    [limit],
  );
  return rows.sort((a, b) => a.id - b.id);
}
