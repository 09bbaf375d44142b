import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { programOptions } from "../../../tools/build-app.mjs";

const run = promisify(execFile);
const longestMs = 600_000;

export interface Bundle {
  /** Runs it in a process of its own, as programs run; what it prints last is its answer. */
  answer(args: readonly string[], env?: Record<string, string>): Promise<Record<string, unknown>>;
  remove(): void;
}

/** One of this folder's programs, built as the programs that ship are: without the loader, which alone costs a hundred megabytes. */
export async function bundle(name: string, nodeFlags: readonly string[] = []): Promise<Bundle> {
  const folder = mkdtempSync(join(tmpdir(), "valet-bench-"));
  const outfile = join(folder, `${name}.mjs`);
  await build({ ...programOptions, format: "esm", entryPoints: [join(import.meta.dirname, `${name}.ts`)], outfile });
  return {
    async answer(args, env = {}) {
      const { stdout } = await run(process.execPath, [...nodeFlags, outfile, ...args], {
        timeout: longestMs,
        env: { PATH: process.env["PATH"] ?? "", ...env },
      });
      return JSON.parse(stdout.trim().split("\n").at(-1) ?? "null") as Record<string, unknown>;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
