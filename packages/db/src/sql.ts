import type { QueryResultRow } from "pg";

/** Whatever runs a statement: the pool (each statement its own transaction) or one transaction. */
export interface Sql {
  query<R extends QueryResultRow = QueryResultRow>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ rows: R[]; rowCount: number }>;
}

/** A running transaction. Functions that take `Tx` need several statements to happen together. */
export interface Tx extends Sql {
  readonly inTransaction: true;
  /** Runs `work` behind a savepoint: when it throws, only its own statements are undone. */
  savepoint<T>(work: () => Promise<T>): Promise<T>;
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = Record<string, unknown>;

/** One page of a list, with the number of rows behind all pages. */
export interface Page<T> {
  rows: T[];
  total: number;
}
export interface PageQuery {
  page: number;
  pageSize: number;
  search?: string;
  sortOrder: "asc" | "desc";
}

/** Postgres' code of an error, e.g. `23505` for a broken unique index; undefined for other errors. */
export function sqlState(error: unknown): string | undefined {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : undefined;
}

/** The constraint or unique index that a failed statement broke. */
export function brokenConstraint(error: unknown): string | undefined {
  return typeof error === "object" && error !== null && "constraint" in error ? String(error.constraint) : undefined;
}
