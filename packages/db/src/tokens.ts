import { createHash, randomBytes } from "node:crypto";
import { Secret } from "@valet/shared";
import type { Role } from "@valet/shared";
import type { Sql } from "./sql.ts";

/** Whoever presents a token. */
export interface TokenOwner {
  id: string;
  tenantId: string;
  role: Role;
  name: string;
}
export interface TokenRow extends TokenOwner {
  createdAt: Date;
  revokedAt: Date | null;
}
export interface NewToken {
  tenantId: string;
  role: Role;
  name: string;
  /** Given by the installation; a random one otherwise. */
  token?: Secret;
}

/** SHA-256 of a token, in hex. Tokens are long random strings: no slow hash is needed. */
export function tokenHash(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** A random secret with a readable prefix, e.g. `valet_…`. */
export function randomToken(prefix: string): Secret {
  return new Secret(`${prefix}_${randomBytes(32).toString("base64url")}`);
}

/** Makes an API token; the text itself is only in the answer. Making the same given token again changes its owner. */
export async function createToken(sql: Sql, input: NewToken): Promise<{ owner: TokenOwner; token: Secret }> {
  const token = input.token ?? randomToken("valet");
  const { rows } = await sql.query<TokenOwner>(
    `INSERT INTO api_tokens (tenant_id, role, name, token_hash) VALUES ($1, $2, $3, $4)
     ON CONFLICT (token_hash) DO UPDATE SET tenant_id = EXCLUDED.tenant_id, role = EXCLUDED.role, name = EXCLUDED.name, revoked_at = NULL
     RETURNING id, tenant_id AS "tenantId", role, name`,
    [input.tenantId, input.role, input.name, tokenHash(token.reveal())],
  );
  const owner = rows[0];
  if (!owner) throw new Error("creating a token returned no row");
  return { owner, token };
}

/** The owner of a token that was not revoked; undefined otherwise. */
export async function tokenOwner(sql: Sql, token: string): Promise<TokenOwner | undefined> {
  const { rows } = await sql.query<TokenOwner>(
    `SELECT id, tenant_id AS "tenantId", role, name FROM api_tokens WHERE token_hash = $1 AND revoked_at IS NULL`,
    [tokenHash(token)],
  );
  return rows[0];
}

export async function listTokens(sql: Sql, tenantId?: string): Promise<TokenRow[]> {
  const { rows } = await sql.query<TokenRow>(
    `SELECT id, tenant_id AS "tenantId", role, name, created_at AS "createdAt", revoked_at AS "revokedAt"
     FROM api_tokens WHERE $1::text IS NULL OR tenant_id = $1 ORDER BY created_at DESC LIMIT 1000`,
    [tenantId ?? null],
  );
  return rows;
}

/** False when there is no such token, or it was revoked before. */
export async function revokeToken(sql: Sql, id: string): Promise<boolean> {
  const { rowCount } = await sql.query(
    "UPDATE api_tokens SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL",
    [id],
  );
  return rowCount === 1;
}

/** A login link's token, good once and for `ttlMs`. */
export async function createLoginLink(
  sql: Sql,
  input: { tenantId: string; role: Role; ttlMs: number },
): Promise<{ token: Secret }> {
  const token = randomToken("login");
  await sql.query(
    `INSERT INTO login_links (token_hash, tenant_id, role, expires_at)
     VALUES ($1, $2, $3, now() + $4 * interval '1 millisecond')`,
    [tokenHash(token.reveal()), input.tenantId, input.role, input.ttlMs],
  );
  return { token };
}

/** Uses the link up. Undefined when it is unknown, expired or used: two at once, one wins. */
export async function redeemLoginLink(sql: Sql, token: string): Promise<{ tenantId: string; role: Role } | undefined> {
  const { rows } = await sql.query<{ tenantId: string; role: Role }>(
    `UPDATE login_links SET used_at = now() WHERE token_hash = $1 AND used_at IS NULL AND expires_at > now()
     RETURNING tenant_id AS "tenantId", role`,
    [tokenHash(token)],
  );
  return rows[0];
}
