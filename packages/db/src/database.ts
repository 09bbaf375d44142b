import { createHash } from "node:crypto";
import pg from "pg";
import type { QueryResultRow } from "pg";
import { makeListener } from "./listener.ts";
import type { Listener } from "./listener.ts";
import type { Sql, Tx } from "./sql.ts";

export interface DatabaseOptions {
  url: string;
  /** Direct address for LISTEN, when `url` goes through a transaction pooler. */
  directUrl?: string;
  /** Most connections at once. */
  max?: number;
  applicationName: string;
  /** Gets errors that have no caller: idle connections and the listener's reconnects. */
  onError?: (error: Error) => void;
  /** A statement that takes longer fails; default 30 s. */
  statementTimeoutMs?: number;
  /** Plan each statement once a connection; default: unless `directUrl` differs, since a transaction pooler may not keep them. */
  preparesStatements?: boolean;
}

/** A pool of connections. `query` runs one statement, `tx` several in one transaction. */
export interface Database extends Sql {
  readonly pool: pg.Pool;
  tx<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * LISTEN on a connection of its own; reconnects by itself, and calls `onReconnect` when notifications may have been missed.
   */
  listen(
    channels: readonly string[],
    onNotify: (channel: string, payload: string) => void,
    onReconnect?: () => void,
  ): Promise<Listener>;
  close(): Promise<void>;
}

const int8 = 20;
const timestamptz = 1184;
const types = new pg.TypeOverrides();
types.setTypeParser(int8, (text) => Number(text));
types.setTypeParser(timestamptz, (text) => new Date(text));

export function openDatabase(options: DatabaseOptions): Database {
  const onError = options.onError ?? (() => undefined);
  const isDirect = options.directUrl === undefined || options.directUrl === options.url;
  const prepares = options.preparesStatements ?? isDirect;
  // A transaction pooler refuses to start with settings it does not know.
  const limits = {
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    idle_in_transaction_session_timeout: 60_000,
  };
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.max ?? 10,
    application_name: options.applicationName,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 30_000,
    ...(isDirect ? limits : {}),
    types,
  });
  // Without a handler, a connection that dies while idle ends the process.
  pool.on("error", onError);
  // One that dies between the pool's hands and its user's has neither's handler; the user's first statement fails and says so.
  pool.on("connect", (client) => void client.on("error", () => undefined));
  const listeners = new Set<Listener>();

  return {
    pool,
    query: (text, values) => run(pool, prepares, text, values),
    tx: (work) => runTransaction(pool, prepares, work),
    async listen(channels, onNotify, onReconnect) {
      const listener = await makeListener({
        url: options.directUrl ?? options.url,
        applicationName: `${options.applicationName} listen`,
        channels,
        onNotify,
        onReconnect: onReconnect ?? (() => undefined),
        onError,
      });
      listeners.add(listener);
      return listener;
    },
    async close() {
      await Promise.all([...listeners].map((listener) => listener.close()));
      await pool.end();
    },
  };
}

/** Planning the long statements of the task lifecycle costs as much as running them. Without values it may be several commands. */
async function run<R extends QueryResultRow>(
  client: pg.Pool | pg.ClientBase,
  prepares: boolean,
  text: string,
  values?: readonly unknown[],
): Promise<{ rows: R[]; rowCount: number }> {
  const name = prepares && values ? statementName(text) : undefined;
  const result = await client.query<R>({
    ...(name ? { name } : {}),
    text,
    ...(values ? { values: values as unknown[] } : {}),
  });
  return { rows: result.rows, rowCount: result.rowCount ?? 0 };
}

const statementNames = new Map<string, string>();
/** Texts that are built at run time must not fill the memory. */
const mostNames = 1_000;

function statementName(text: string): string | undefined {
  const known = statementNames.get(text);
  if (known !== undefined || statementNames.size >= mostNames) return known;
  const name = createHash("sha256").update(text).digest("base64url");
  statementNames.set(text, name);
  return name;
}

async function runTransaction<T>(pool: pg.Pool, prepares: boolean, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const noteBroken = (error: Error): void => {
    broken = error;
  };
  client.on("error", noteBroken);
  try {
    await client.query("BEGIN");
    const value = await work(txOn(client, prepares));
    await client.query("COMMIT");
    return value;
  } catch (error) {
    await client.query("ROLLBACK").catch(noteBroken);
    throw error;
  } finally {
    // A connection that could not even roll back must not go back to the pool; it may still emit the error of its end.
    if (!broken) client.removeListener("error", noteBroken);
    client.release(broken);
  }
}

function txOn(client: pg.ClientBase, prepares: boolean): Tx {
  let savepoints = 0;
  return {
    inTransaction: true,
    query: (text, values) => run(client, prepares, text, values),
    async savepoint(work) {
      savepoints += 1;
      const name = `valet_${savepoints}`;
      await client.query(`SAVEPOINT ${name}`);
      try {
        const value = await work();
        await client.query(`RELEASE SAVEPOINT ${name}`);
        return value;
      } catch (error) {
        await client.query(`ROLLBACK TO SAVEPOINT ${name}`);
        throw error;
      }
    },
  };
}
