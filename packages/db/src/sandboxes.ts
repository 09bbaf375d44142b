import { err, ok, sandboxTransitions, sourcesOf } from "@valet/shared";
import type { BrowserEngine, CordonHolderKind, Environment, Result, SandboxState, Secret } from "@valet/shared";
import { notify } from "./notify.ts";
import { orderBy } from "./order-by.ts";
import { sandboxOf, sandboxSelect } from "./sandbox-row.ts";
import type { RawSandboxRow, SandboxRow } from "./sandbox-row.ts";
import { announceSandboxes } from "./announce.ts";
import { brokenConstraint } from "./sql.ts";
import type { Page, PageQuery, Sql, Tx } from "./sql.ts";
import { tokenHash } from "./tokens.ts";

export interface NewSandbox {
  name: string;
  environment: Environment;
  instanceId: string;
  publicIp: string;
  agentPort: number;
  instanceType: string;
  browserEngine: BrowserEngine;
  capacity: number;
  labels: Record<string, string>;
  /** Bearer token of its sandbox worker; only the hash is stored. */
  token: Secret;
  /** Key of its agent, sealed by the caller. */
  sealedAgentKey: string;
}
/** What a sandbox worker's token says. */
export interface TokenSandbox {
  id: string;
  name: string;
  environment: Environment;
  capacity: number;
}
export interface SandboxPatch {
  name?: string;
  publicIp?: string;
  capacity?: number;
  labels?: Record<string, string>;
}
export interface UnknownSandbox {
  kind: "unknown_sandbox";
  message: string;
}
export interface IllegalSandboxMove {
  kind: "illegal_transition";
  from: SandboxState;
  to: SandboxState;
  message: string;
}
export interface RevisionMoved {
  kind: "revision_moved";
  message: string;
}
export interface DuplicateInstance {
  kind: "duplicate_instance";
  message: string;
}

const unknown = (id: string): UnknownSandbox => ({ kind: "unknown_sandbox", message: `there is no sandbox ${id}` });

/** Creates the sandbox and its slots, all offline. */
export async function createSandbox(tx: Tx, input: NewSandbox): Promise<Result<SandboxRow, DuplicateInstance>> {
  try {
    const id = await tx.savepoint(async () => {
      const { rows } = await tx.query<{ id: string }>(
        `INSERT INTO sandboxes (name, environment, instance_id, public_ip, agent_port, instance_type, browser_engine, capacity,
           labels, token_hash, agent_key_sealed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id`,
        [
          input.name,
          input.environment,
          input.instanceId,
          input.publicIp,
          input.agentPort,
          input.instanceType,
          input.browserEngine,
          input.capacity,
          JSON.stringify(input.labels),
          tokenHash(input.token.reveal()),
          input.sealedAgentKey,
        ],
      );
      return rows[0]?.id ?? "";
    });
    await ensureSlots(tx, id, input.capacity);
    await announceSandboxes(tx, [id]);
    const row = await getSandbox(tx, id);
    if (!row) throw new Error(`sandbox ${id} vanished while it was created`);
    return ok(row);
  } catch (error) {
    if (brokenConstraint(error) !== "sandboxes_instance_id_key") throw error;
    return err({
      kind: "duplicate_instance",
      message: `a sandbox with instance id ${input.instanceId} exists already`,
    });
  }
}

export async function getSandbox(sql: Sql, id: string): Promise<SandboxRow | undefined> {
  const { rows } = await sql.query<RawSandboxRow>(`${sandboxSelect} WHERE s.id = $1`, [id]);
  return rows[0] && sandboxOf(rows[0]);
}

export async function getSandboxes(sql: Sql, ids: readonly string[]): Promise<SandboxRow[]> {
  const { rows } = await sql.query<RawSandboxRow>(
    `${sandboxSelect} WHERE s.id = ANY($1::uuid[]) ORDER BY s.name, s.id`,
    [ids],
  );
  return rows.map(sandboxOf);
}

const sortColumns = {
  name: "s.name",
  createdAt: "s.created_at",
  status: "s.state",
  environment: "s.environment",
  capacity: "s.capacity",
} as const;

/** Terminated ones only when asked for by state. */
export async function listSandboxes(
  sql: Sql,
  query: PageQuery & { environment?: Environment; state?: SandboxState; sortBy: keyof typeof sortColumns },
): Promise<Page<SandboxRow>> {
  const where = `($1::text IS NULL OR s.environment = $1)
    AND CASE WHEN $2::text IS NULL THEN s.state <> 'terminated' ELSE s.state = $2 END
    AND ($3::text IS NULL OR strpos(lower(s.name || ' ' || s.instance_id || ' ' || s.public_ip), lower($3)) > 0)`;
  const values = [query.environment ?? null, query.state ?? null, query.search ?? null];
  const { rows } = await sql.query<RawSandboxRow>(
    `${sandboxSelect} WHERE ${where} ${orderBy(sortColumns, query, "s.id")} LIMIT $4 OFFSET $5`,
    [...values, query.pageSize, (query.page - 1) * query.pageSize],
  );
  const { rows: counted } = await sql.query<{ total: number }>(
    `SELECT count(*) AS total FROM sandboxes s WHERE ${where}`,
    values,
  );
  return { rows: rows.map(sandboxOf), total: counted[0]?.total ?? 0 };
}

/** Whose token this is; terminated sandboxes have none. */
export async function sandboxByToken(sql: Sql, token: string): Promise<TokenSandbox | undefined> {
  return (await sandboxesByTokens(sql, [token]))[0];
}

/** The same for many, in their order. */
export async function sandboxesByTokens(sql: Sql, tokens: readonly string[]): Promise<(TokenSandbox | undefined)[]> {
  const hashes = tokens.map(tokenHash);
  const { rows } = await sql.query<TokenSandbox & { hash: string }>(
    `SELECT token_hash AS hash, id, name, environment, capacity FROM sandboxes
     WHERE token_hash = ANY($1::text[]) AND state <> 'terminated'`,
    [hashes],
  );
  const byHash = new Map(rows.map(({ hash, ...sandbox }) => [hash, sandbox]));
  return hashes.map((hash) => byHash.get(hash));
}

/** Changes what is given. A smaller capacity removes empty slots only; busy ones beyond it go when they end. */
export async function patchSandbox(
  tx: Tx,
  id: string,
  patch: SandboxPatch,
): Promise<Result<SandboxRow, UnknownSandbox>> {
  const { rows } = await tx.query<{ capacity: number }>(
    `UPDATE sandboxes SET name = coalesce($2, name), public_ip = coalesce($3, public_ip), capacity = coalesce($4, capacity),
       labels = coalesce($5, labels), revision = revision + 1, plan_revision = plan_revision + 1
     WHERE id = $1 RETURNING capacity`,
    [id, patch.name ?? null, patch.publicIp ?? null, patch.capacity ?? null, jsonOrNull(patch.labels)],
  );
  if (!rows[0]) return err(unknown(id));
  await ensureSlots(tx, id, rows[0].capacity);
  await notify(tx, "sandbox", [id]);
  await notify(tx, "assign", [""]);
  const row = await getSandbox(tx, id);
  return row ? ok(row) : err(unknown(id));
}

function jsonOrNull(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** Moves along the transition table; staying where it is is no error. `expectedRevision` refuses a stale caller. */
export async function moveSandbox(
  tx: Tx,
  id: string,
  move: { to: SandboxState; reason: string; expectedRevision?: number },
): Promise<Result<SandboxState, UnknownSandbox | IllegalSandboxMove | RevisionMoved>> {
  const { rows } = await tx.query<{ state: SandboxState; revision: number }>(
    "SELECT state, revision FROM sandboxes WHERE id = $1 FOR UPDATE",
    [id],
  );
  const found = rows[0];
  if (!found) return err(unknown(id));
  if (move.expectedRevision !== undefined && move.expectedRevision !== found.revision) {
    return err({ kind: "revision_moved", message: `sandbox ${id} is at revision ${found.revision}` });
  }
  if (found.state === move.to) return ok(found.state);
  if (!sourcesOf(sandboxTransitions, move.to).includes(found.state)) {
    const message = `a sandbox cannot go from ${found.state} to ${move.to}`;
    return err({ kind: "illegal_transition", from: found.state, to: move.to, message });
  }
  await tx.query("UPDATE sandboxes SET state = $2, state_reason = $3, revision = revision + 1 WHERE id = $1", [
    id,
    move.to,
    move.reason,
  ]);
  await announceSandboxes(tx, [id]);
  await notify(tx, "assign", [""]);
  return ok(move.to);
}

/** Adds this holder; another's cordon is untouched. From commit on, nothing more is reserved there. */
export async function addCordon(
  tx: Tx,
  sandboxId: string,
  cordon: { holderKind: CordonHolderKind; holderId: string; reason: string },
): Promise<Result<void, UnknownSandbox>> {
  // Reserve holds a share lock on the same row: either it is seen by the drain check, or it sees the cordon.
  const locked = await tx.query("UPDATE sandboxes SET plan_revision = plan_revision + 1 WHERE id = $1", [sandboxId]);
  if (locked.rowCount === 0) return err(unknown(sandboxId));
  await tx.query(
    `INSERT INTO cordons (sandbox_id, holder_kind, holder_id, reason) VALUES ($1, $2, $3, $4)
     ON CONFLICT (sandbox_id, holder_kind, holder_id) DO UPDATE SET reason = EXCLUDED.reason`,
    [sandboxId, cordon.holderKind, cordon.holderId, cordon.reason],
  );
  await announceSandboxes(tx, [sandboxId]);
  await notify(tx, "sandbox", [sandboxId]);
  return ok(undefined);
}

/** Lifts only this holder's cordon; true when there was one. */
export async function removeCordon(
  tx: Tx,
  sandboxId: string,
  holder: { holderKind: CordonHolderKind; holderId: string },
): Promise<boolean> {
  await tx.query("UPDATE sandboxes SET plan_revision = plan_revision + 1 WHERE id = $1", [sandboxId]);
  const { rowCount } = await tx.query(
    "DELETE FROM cordons WHERE sandbox_id = $1 AND holder_kind = $2 AND holder_id = $3",
    [sandboxId, holder.holderKind, holder.holderId],
  );
  if (rowCount === 0) return false;
  await announceSandboxes(tx, [sandboxId]);
  await notify(tx, "sandbox", [sandboxId]);
  await notify(tx, "assign", [""]);
  return true;
}

/** What the health loop found. True when it changed. */
export async function setReachable(tx: Tx, sandboxId: string, isReachable: boolean): Promise<boolean> {
  const { rowCount } = await tx.query("UPDATE sandboxes SET reachable = $2 WHERE id = $1 AND reachable <> $2", [
    sandboxId,
    isReachable,
  ]);
  if (rowCount === 0) return false;
  await announceSandboxes(tx, [sandboxId]);
  if (isReachable) await notify(tx, "assign", [""]);
  return true;
}

/** The next number in the order of commands to this sandbox: given out once, never again. */
export async function nextEpoch(sql: Sql, sandboxId: string): Promise<number> {
  const { rows } = await sql.query<{ epoch: number }>(
    "UPDATE sandboxes SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch",
    [sandboxId],
  );
  if (!rows[0]) throw new Error(unknown(sandboxId).message);
  return rows[0].epoch;
}

/** Takes a number the engine chose: true when it was still free and is the sandbox's newest now. */
export async function claimEpoch(tx: Tx, sandboxId: string, epoch: number): Promise<boolean> {
  const { rowCount } = await tx.query("UPDATE sandboxes SET epoch = $2 WHERE id = $1 AND epoch < $2", [
    sandboxId,
    epoch,
  ]);
  return rowCount === 1;
}

/** Lifts the epoch to what the host has already seen, e.g. after a manual deploy there. */
export async function raiseEpoch(sql: Sql, sandboxId: string, atLeast: number): Promise<void> {
  await sql.query("UPDATE sandboxes SET epoch = greatest(epoch, $2) WHERE id = $1", [sandboxId, atLeast]);
}

/**
 * Freed slots go to this generation from now on, at most `slots` of them at once (null: all); the plan wakes the session. True
 * when it changed.
 */
export async function setTargetGeneration(
  tx: Tx,
  sandboxId: string,
  generation: number | null,
  slots: number | null = null,
): Promise<boolean> {
  const { rowCount } = await tx.query(
    `UPDATE sandboxes SET target_generation = $2, target_slots = $3, plan_revision = plan_revision + 1
     WHERE id = $1 AND (target_generation, target_slots) IS DISTINCT FROM ($2::int, $3::int)`,
    [sandboxId, generation, slots],
  );
  if (rowCount > 0) await notify(tx, "sandbox", [sandboxId]);
  return rowCount > 0;
}

/** Makes slots 0 … capacity-1 exist, and removes empty ones beyond. */
export async function ensureSlots(tx: Tx, sandboxId: string, capacity: number): Promise<void> {
  await tx.query(
    `INSERT INTO slots (sandbox_id, index) SELECT $1, i FROM generate_series(0, $2 - 1) AS i
     ON CONFLICT (sandbox_id, index) DO NOTHING`,
    [sandboxId, capacity],
  );
  await tx.query("DELETE FROM slots WHERE sandbox_id = $1 AND index >= $2 AND task_id IS NULL", [sandboxId, capacity]);
}
