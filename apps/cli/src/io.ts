import type { Clock } from "@valet/shared";

/** One side of a terminal. `isTty` decides colour and live views. */
export interface Output {
  write(text: string): unknown;
  isTty: boolean;
  columns?: number;
  rows?: number;
}

/** Everything a command touches of the machine it runs on; tests pass their own. */
export interface CliIo {
  stdout: Output;
  stderr: Output;
  /** All of standard input as text; refuses more than `limitBytes`. */
  readStdin(limitBytes: number): Promise<string>;
  /** Instead of the process's own environment, which config.ts reads. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** Where relative paths and the connection file are looked for. */
  folder: string;
  clock: Clock;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
}
