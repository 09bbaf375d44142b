import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { makeNarrator } from "./narrator.ts";
import { parseOptions, type StoryOptions, usage } from "./options.ts";
import { runStart } from "./run-start.ts";
import { explainStartFailure } from "./start-failure.ts";

const options = optionsOrExit();
const root = dirname(dirname(import.meta.dirname));
const startedAtMs = Date.now();
const narrator = makeNarrator(options.json ? process.stderr : process.stdout, startedAtMs, Date.now);
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    // Asked again while it stops: the next start ends what is left by its pid files.
    if (stopping.signal.aborted) process.exit(130);
    stopping.abort(new Error("stopped"));
  });
}

const temporary = options.once && options.dataDir === "" ? dataFolderForOnce() : undefined;
try {
  process.exitCode = await runStart({
    root,
    options,
    dataDir: temporary ?? (options.dataDir || join(root, ".valet")),
    narrator,
    startedAtMs,
    signal: stopping.signal,
  });
} catch (error) {
  if (stopping.signal.aborted) narrator.say("stopped");
  else process.stderr.write(`${explainStartFailure(error)}\n`);
  process.exitCode = stopping.signal.aborted ? 130 : 1;
} finally {
  if (temporary && process.exitCode === 0) rmSync(temporary, { recursive: true, force: true });
  else if (temporary) narrator.say(`logs are kept in ${join(temporary, "logs")}`);
}
// Everything it started has ended; whatever still waits here waits for nothing.
process.exit(process.exitCode);

function optionsOrExit(): StoryOptions {
  try {
    const parsed = parseOptions(process.argv.slice(2));
    if (parsed !== "help") return parsed;
    console.log(usage);
    process.exit(0);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}

/** `--once` leaves nothing behind; as root its folder must be one that the database's user can enter. */
function dataFolderForOnce(): string {
  const dir = mkdtempSync(join(tmpdir(), "valet-once-"));
  chmodSync(dir, 0o755);
  return dir;
}
