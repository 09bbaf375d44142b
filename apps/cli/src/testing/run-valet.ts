import { tmpdir } from "node:os";
import { type Clock, systemClock } from "@valet/shared";
import type { CliIo } from "../io.ts";
import { runCli } from "../run.ts";
import { type FakeApi, fakeToken } from "./fake-api.ts";
import { fakeNow } from "./fake-views.ts";

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  api?: FakeApi;
  environment?: Record<string, string>;
  stdin?: string;
  folder?: string;
  isTty?: boolean;
  signal?: AbortSignal;
  /** Called with each piece written to stdout. */
  onOutput?: (text: string) => void;
  clock?: Clock;
}

/** A clock whose time stands still for reading, and whose sleeps are real but short: nothing in a test waits for seconds. */
export const stillClock: Clock = {
  now: () => fakeNow,
  monotonicMs: () => 0,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 20), signal),
};

/** Runs one command line in this process against the fake API (or nothing), off a terminal unless told otherwise. */
export async function runValet(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const written = { stdout: "", stderr: "" };
  const output = (name: "stdout" | "stderr") => ({
    write: (text: string) => {
      written[name] += text;
      if (name === "stdout") options.onOutput?.(text);
    },
    isTty: options.isTty ?? false,
    ...(options.isTty ? { columns: 100, rows: 40 } : {}),
  });
  const io: CliIo = {
    stdout: output("stdout"),
    stderr: output("stderr"),
    readStdin: () => Promise.resolve(options.stdin ?? ""),
    environment: {
      ...(options.api ? { VALET_API_URL: options.api.url, VALET_API_TOKEN: fakeToken } : {}),
      ...options.environment,
    },
    folder: options.folder ?? tmpdir(),
    clock: options.clock ?? stillClock,
    signal: options.signal ?? new AbortController().signal,
  };
  const code = await runCli(args, io);
  return { code, ...written };
}
