import type { Result } from "@valet/shared";
import { err, ok } from "@valet/shared";
import { announceDeploy } from "./deploys.ts";
import { notify } from "./notify.ts";
import type { Sql, Tx } from "./sql.ts";

export interface ApprovalRow {
  actor: string;
  at: Date;
  reason: string;
}
export interface AlreadyApproved {
  kind: "already_approved";
  message: string;
}

/**
 * Adds one person's approval, once, and wakes the engine. Answers how many there are now; each approval moves the deploy's
 * revision, so that whoever looked before looks again. Call it while the deploy's row is locked (`lockDeploy`).
 */
export async function addApproval(
  tx: Tx,
  deployId: string,
  approval: { actor: string; reason: string },
): Promise<Result<number, AlreadyApproved>> {
  const { rowCount } = await tx.query(
    "INSERT INTO deploy_approvals (deploy_id, actor, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    [deployId, approval.actor, approval.reason],
  );
  if (rowCount === 0) {
    return err({
      kind: "already_approved",
      message: `${approval.actor} has approved this deploy already: it takes another`,
    });
  }
  await tx.query("UPDATE deploys SET revision = revision + 1 WHERE id = $1", [deployId]);
  await announceDeploy(tx, deployId);
  await notify(tx, "deploy", [deployId]);
  return ok((await approvalsOf(tx, deployId)).length);
}

/** Who let it go ahead, first one first. */
export async function approvalsOf(sql: Sql, deployId: string): Promise<ApprovalRow[]> {
  const { rows } = await sql.query<ApprovalRow>(
    "SELECT actor, at, reason FROM deploy_approvals WHERE deploy_id = $1 ORDER BY at, actor",
    [deployId],
  );
  return rows;
}

/** Holds the deploy's row until the transaction ends, so that what is read about it stays true. False: there is no such deploy. */
export async function lockDeploy(tx: Tx, deployId: string): Promise<boolean> {
  const { rowCount } = await tx.query("SELECT 1 FROM deploys WHERE id = $1 FOR UPDATE", [deployId]);
  return rowCount === 1;
}

/** Notes who triggered a deploy that somebody else, or a webhook, created: that person may not approve it. */
export async function setAskedBy(
  tx: Tx,
  deployId: string,
  asked: { actor: string; ignoreFreeze: boolean },
): Promise<void> {
  await tx.query("UPDATE deploys SET asked_by = $2, ignore_freeze = ignore_freeze OR $3 WHERE id = $1", [
    deployId,
    asked.actor,
    asked.ignoreFreeze,
  ]);
}
