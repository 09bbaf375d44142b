import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { z } from "zod";
import { coverageOf } from "./coverage.ts";
import { drawScript } from "./draw.ts";
import { scriptSchema, type Script } from "./script.ts";
import { shrink } from "./shrink.ts";
import { tellStory } from "./story.ts";
import { simulate } from "./simulate.ts";
import { sweepParallel } from "./sweep-parallel.ts";
import type { FailedSeed } from "./sweep.ts";

const usage = `usage: pnpm sim [--seeds N] [--from N] [--hosts N] [--threads N] [--json] [--missing]   live through many seeds
       pnpm sim --seed N [--trace] [--hosts N] [--json]      one seed, as a story with --trace
       pnpm sim --script FILE [--trace] [--json]             one script, as a failing seed prints it`;

class UsageError extends Error {}

/** `pnpm sim`: exit 0 when every law held, 1 when one was broken, 2 when the command makes no sense. */
async function main(args: readonly string[]): Promise<number> {
  const { values } = parse(args);
  const hosts = values.hosts === undefined ? undefined : wholeNumber("--hosts", values.hosts, 1, 50);
  if (values.script !== undefined) return one(readScript(values.script), values);
  if (values.seed !== undefined) return one(drawScript(wholeNumber("--seed", values.seed, 0), { hosts }), values);
  const from = wholeNumber("--from", values.from ?? "1", 0);
  const count = wholeNumber("--seeds", values.seeds ?? "1000", 1);
  const threads = wholeNumber("--threads", values.threads ?? String(Math.min(2, availableParallelism())), 1, 64);
  return many({
    from,
    count,
    hosts,
    threads,
    isJson: values.json,
    isFirst: values.first,
    showsMissing: values.missing,
  });
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seeds: { type: "string" },
        from: { type: "string" },
        seed: { type: "string" },
        script: { type: "string" },
        hosts: { type: "string" },
        threads: { type: "string" },
        trace: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        /** Ends with the first seed that breaks a law. */
        first: { type: "boolean", default: false },
        /** Lists the pairs of the coverage that were not met. */
        missing: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(flag: string, text: string, least: number, most = 1_000_000_000): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most && text.trim() !== "") return value;
  throw new UsageError(`${flag} takes a whole number from ${least} to ${most}, not "${text}"`);
}

function readScript(path: string): Script {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new UsageError(`--script ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = scriptSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new UsageError(`--script ${path} is no script of the simulator: ${z.prettifyError(parsed.error)}`);
}

async function one(script: Script, { trace, json }: { trace: boolean; json: boolean }): Promise<number> {
  const startedMs = performance.now();
  const told = trace
    ? await tellStory(script, (line) => process.stdout.write(`${line}\n`))
    : await simulate(script, { stopAtFirst: true });
  const [violation] = told.violations;
  if (violation && !trace) await report({ seed: script.seed, violation }, script);
  const { share } = coverageOf(told.pairs);
  print(json, {
    seeds: 1,
    events: told.events,
    violations: told.violations.length,
    coverage: round(share),
    seconds: since(startedMs),
  });
  return violation ? 1 : 0;
}

interface Many {
  from: number;
  count: number;
  hosts: number | undefined;
  threads: number;
  isJson: boolean;
  isFirst: boolean;
  showsMissing: boolean;
}

async function many(options: Many): Promise<number> {
  const startedMs = performance.now();
  const { from, count, hosts, threads, isFirst } = options;
  const swept = await sweepParallel({ from, count, hosts, stopAtFirst: isFirst }, threads);
  const seconds = since(startedMs);
  const [first] = swept.failed;
  if (first && !isFirst) await report(first, drawScript(first.seed, { hosts }));
  for (const { seed, violation } of swept.failed.slice(0, 20)) {
    process.stdout.write(`seed ${seed}: ${violation.law}: ${violation.what}\n`);
  }
  const { share, missing } = coverageOf(new Set(swept.pairs));
  if (options.showsMissing) process.stdout.write(missing.map((pair) => `not met: ${pair}\n`).join(""));
  print(options.isJson, {
    seeds: swept.seeds,
    events: swept.events,
    violations: swept.failed.length,
    coverage: round(share),
    seconds,
  });
  return first ? 1 : 0;
}

/** The broken law and the smallest script that breaks it. */
async function report({ seed, violation }: FailedSeed, script: Script): Promise<void> {
  process.stdout.write(
    `seed ${seed} breaks a law after ${violation.atMs} ms: ${violation.sentence}\n  ${violation.what}\n`,
  );
  const small = await shrink(script, violation.law);
  process.stdout.write(
    `the smallest script that does (save it, then: pnpm sim --script FILE --trace):\n${JSON.stringify(small)}\n`,
  );
}

const since = (startedMs: number): number => round((performance.now() - startedMs) / 1000);
const round = (value: number): number => Math.round(value * 10_000) / 10_000;

function print(isJson: boolean, result: Record<string, number>): void {
  if (isJson) process.stdout.write(`${JSON.stringify(result)}\n`);
  else
    process.stdout.write(
      `${Object.entries(result)
        .map(([name, value]) => `${name} ${value}`)
        .join(", ")}\n`,
    );
}

main(process.argv.slice(2)).then(
  (code) => void (process.exitCode = code),
  (error: unknown) => {
    const isUsage = error instanceof UsageError;
    process.stderr.write(
      isUsage ? `${error.message}\n${usage}\n` : `${error instanceof Error ? error.stack : String(error)}\n`,
    );
    process.exitCode = isUsage ? 2 : 1;
  },
);
