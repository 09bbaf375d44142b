import type { Environment, Service } from "@valet/shared";
import { orderBy } from "./order-by.ts";
import type { Page, PageQuery, Sql } from "./sql.ts";

export interface ReleaseRow {
  id: string;
  service: Service;
  version: string;
  image: string;
  imageTag: string;
  imageDigest: string | null;
  commitSha: string | null;
  commitMessage: string | null;
  repository: string | null;
  createdAt: Date;
  /** Since when its artefact is gone, and why: nothing goes back to it. */
  prunedAt: Date | null;
  prunedReason: string | null;
}
export interface NewRelease {
  service: Service;
  version: string;
  image?: string;
  imageTag: string;
  imageDigest?: string | null;
  commitSha?: string | null;
  commitMessage?: string | null;
  repository?: string | null;
}

const columns = `id, service, version, image, image_tag AS "imageTag", image_digest AS "imageDigest", commit_sha AS "commitSha",
  commit_message AS "commitMessage", repository, created_at AS "createdAt", pruned_at AS "prunedAt",
  pruned_reason AS "prunedReason"`;

/**
 * One row a service, tag and digest; without a digest, the one row of the tag that nobody has resolved yet. What is known is kept,
 * new facts fill the gaps. A tag that was deployed before is not taken for what it meant then.
 */
export async function upsertRelease(sql: Sql, release: NewRelease): Promise<ReleaseRow> {
  const { rows } = await sql.query<ReleaseRow>(
    `INSERT INTO releases AS r (service, version, image, image_tag, image_digest, commit_sha, commit_message, repository)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (service, image_tag, coalesce(image_digest, '')) DO UPDATE SET
       image = CASE WHEN r.image = '' THEN EXCLUDED.image ELSE r.image END,
       commit_sha = coalesce(r.commit_sha, EXCLUDED.commit_sha),
       commit_message = coalesce(r.commit_message, EXCLUDED.commit_message),
       repository = coalesce(r.repository, EXCLUDED.repository)
     RETURNING ${columns}`,
    [
      release.service,
      release.version,
      release.image ?? "",
      release.imageTag,
      release.imageDigest ?? null,
      release.commitSha ?? null,
      release.commitMessage ?? null,
      release.repository ?? null,
    ],
  );
  const row = rows[0];
  if (!row) throw new Error(`storing release ${release.imageTag} returned no row`);
  return row;
}

export async function getRelease(sql: Sql, id: string): Promise<ReleaseRow | undefined> {
  const { rows } = await sql.query<ReleaseRow>(`SELECT ${columns} FROM releases WHERE id = $1`, [id]);
  return rows[0];
}

const sortColumns = { createdAt: "created_at", version: "version" } as const;

export async function listReleases(
  sql: Sql,
  query: PageQuery & { service?: Service; sortBy: keyof typeof sortColumns },
): Promise<Page<ReleaseRow>> {
  const where = `($1::text IS NULL OR service = $1)
    AND ($2::text IS NULL OR strpos(lower(image_tag || ' ' || version || ' ' || coalesce(commit_message, '')), lower($2)) > 0)`;
  const values = [query.service ?? null, query.search ?? null];
  const { rows } = await sql.query<ReleaseRow>(
    `SELECT ${columns} FROM releases WHERE ${where} ${orderBy(sortColumns, query)} LIMIT $3 OFFSET $4`,
    [...values, query.pageSize, (query.page - 1) * query.pageSize],
  );
  const { rows: counted } = await sql.query<{ total: number }>(
    `SELECT count(*) AS total FROM releases WHERE ${where}`,
    values,
  );
  return { rows, total: counted[0]?.total ?? 0 };
}

export interface AllowedRelease {
  imageDigest: string;
  reason: string;
}

/** What hosts of an environment may take work on; anything else gets none (F28). */
export async function listAllowedReleases(
  sql: Sql,
  environment: Environment,
  service: Service,
): Promise<AllowedRelease[]> {
  const { rows } = await sql.query<AllowedRelease>(
    `SELECT image_digest AS "imageDigest", reason FROM allowed_releases
     WHERE environment = $1 AND service = $2 ORDER BY created_at, image_digest`,
    [environment, service],
  );
  return rows;
}

export async function allowRelease(
  sql: Sql,
  environment: Environment,
  service: Service,
  release: AllowedRelease,
): Promise<void> {
  await sql.query(
    `WITH stored AS (
       INSERT INTO allowed_releases (environment, service, image_digest, reason) VALUES ($1, $2, $3, $4)
       ON CONFLICT (environment, service, image_digest) DO UPDATE SET reason = EXCLUDED.reason RETURNING 1)
     SELECT pg_notify('valet_assign', '') FROM stored`,
    [environment, service, release.imageDigest, release.reason],
  );
}

export async function disallowRelease(
  sql: Sql,
  environment: Environment,
  service: Service,
  imageDigest: string,
): Promise<void> {
  await sql.query("DELETE FROM allowed_releases WHERE environment = $1 AND service = $2 AND image_digest = $3", [
    environment,
    service,
    imageDigest,
  ]);
}

/** Replaces the whole set, e.g. by the one good release once a deploy completed. */
export async function setAllowedReleases(
  sql: Sql,
  environment: Environment,
  service: Service,
  releases: readonly AllowedRelease[],
): Promise<void> {
  await sql.query(
    `WITH gone AS (
       DELETE FROM allowed_releases WHERE environment = $1 AND service = $2 AND image_digest <> ALL($3::text[])),
     stored AS (
       INSERT INTO allowed_releases (environment, service, image_digest, reason)
       SELECT $1, $2, digest, reason FROM unnest($3::text[], $4::text[]) AS new (digest, reason)
       ON CONFLICT (environment, service, image_digest) DO UPDATE SET reason = EXCLUDED.reason)
     SELECT pg_notify('valet_assign', '')`,
    [environment, service, releases.map((r) => r.imageDigest), releases.map((r) => r.reason)],
  );
}
