import { notBuilt } from "../not-built.ts";
export interface EmbeddedOptions {
  /** Where the data lives; made when absent. */
  dataDir: string;
  /** A free one otherwise; an adopted server keeps its own. */
  port?: number;
  database?: string;
}
export interface EmbeddedPostgres {
  url: string;
  port: number;
  /** True when a server that was already running on this data was taken over. */
  adopted: boolean;
  stop(): Promise<void>;
}
/** Starts Postgres from the npm binaries, or adopts the live server of this data folder. */
export async function startEmbeddedPostgres(_options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  return notBuilt();
}
