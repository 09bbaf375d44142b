import type { Tx } from "./sql.ts";

export interface WebhookReceipt {
  bodySha256: string;
  /** repository, run id, environment and tag: the same pipeline run. */
  runKey: string;
  sentAt: Date;
  deployId: string;
}

/**
 * The deploy that this webhook started before: the very same body, or the same run while its deploy is alive or completed.
 * A newer body of a run whose deploy failed gives undefined: it starts anew. Holds a lock on the run until commit, so
 * that two deliveries at once start one deploy; call it before `createDeploy` and `storeReceipt` in one transaction.
 */
export async function findReceipt(
  tx: Tx,
  receipt: Omit<WebhookReceipt, "deployId">,
): Promise<{ deployId: string } | undefined> {
  await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('webhook ' || $1, 0))", [receipt.runKey]);
  const { rows } = await tx.query<{ deployId: string }>(
    `SELECT r.deploy_id AS "deployId" FROM webhook_receipts r JOIN deploys d ON d.id = r.deploy_id
     WHERE r.body_sha256 = $1
        OR (r.run_key = $2 AND (d.state NOT IN ('failed', 'aborted', 'superseded', 'rolled_back') OR r.sent_at >= $3))
     ORDER BY (r.body_sha256 = $1) DESC, r.received_at DESC LIMIT 1`,
    [receipt.bodySha256, receipt.runKey, receipt.sentAt],
  );
  return rows[0];
}

export async function storeReceipt(tx: Tx, receipt: WebhookReceipt): Promise<void> {
  await tx.query(
    `INSERT INTO webhook_receipts (body_sha256, run_key, sent_at, deploy_id) VALUES ($1, $2, $3, $4)
     ON CONFLICT (body_sha256) DO NOTHING`,
    [receipt.bodySha256, receipt.runKey, receipt.sentAt, receipt.deployId],
  );
}
