import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative } from "node:path";
import { z } from "zod";
import { runChild } from "../run-child.mjs";
import { installOtherVersion } from "./other-versions.ts";
import type { Missing } from "./other-versions.ts";

interface Counts {
  passed: number;
  failed: number;
}
interface Suite {
  name: string;
  project: "unit" | "system";
  /** Arguments for vitest: which test files; all otherwise. */
  choice?: string[];
  /** Another Node to run it on. */
  node?: string;
  env?: NodeJS.ProcessEnv;
}

/**
 * `npm test`: system packages where they can be had, then lint, types, unit suite, the database's tests on the Postgres of production,
 * system suite, mutants; the counts come last. `--full` sweeps where the plain run samples (VALET_SWEEP=full), and runs the whole unit
 * suite on that Postgres, and on the next Node.
 */
const root = dirname(dirname(import.meta.dirname));
const isFull = process.argv.includes("--full");
const reports = mkdtempSync(join(tmpdir(), "valet-test-"));
const leftOut: string[] = [];
/** Names and first lines of what failed, said again last: a log that is cut keeps its end. */
const failures: string[] = [];
/** Somebody ended us: the step under way was told, and no other begins. */
let isEnding = false;
const failed: string[] = [];
const reportSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().default(""),
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).default([]) }),
      ),
    }),
  ),
});

installSystemPackages();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    isEnding = true;
    process.exitCode = 1;
  });
}
const counts = new Map<string, Counts>();
const steps: (() => Promise<void>)[] = [
  checks,
  () => suite({ name: "unit tests", project: "unit" }),
  onProductionPostgres,
  ...(isFull ? [onNextNode] : []),
  () => suite({ name: "system tests", project: "system" }),
  mutants,
];
for (const step of steps) if (!isEnding) await step();
if (isEnding) failed.push("all that was still to come: the run was ended from outside");
rmSync(reports, { recursive: true, force: true });

const passed = sum([...counts.values()].map((count) => count.passed));
const failedCount = sum([...counts.values()].map((count) => count.failed)) + failed.length;
for (const line of leftOut) console.log(`left out: ${line}`);
for (const failure of failures) console.log(`failed: ${failure}`);
for (const name of failed) console.log(`failed: ${name}`);
for (const [name, count] of counts) console.log(`${name}: ${count.passed} passed, ${count.failed} failed`);
console.log(`${passed} passed, ${failedCount} failed`);
process.exitCode = failedCount === 0 ? 0 : 1;

function sum(numbers: number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

/** Side by side: each is one process that waits for nobody. */
async function checks(): Promise<void> {
  await Promise.all([
    check("lint", "node_modules/eslint/bin/eslint.js", ["."]),
    check("format", "node_modules/prettier/bin/prettier.cjs", ["--check", "--log-level", "warn", "."]),
    check("types", "node_modules/typescript/bin/tsc", ["-p", "tsconfig.json"]),
  ]);
}

async function check(name: string, script: string, args: string[]): Promise<void> {
  const { status, stdout } = await runChild(process.execPath, [join(root, script), ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    timeoutMs: 600_000,
  });
  process.stdout.write(`--- ${name}\n${stdout}`);
  if (status !== 0) failed.push(name);
}

/** Production runs Postgres 16, the embedded one is newer. */
async function onProductionPostgres(): Promise<void> {
  const postgres = installOtherVersion(root, "postgres-16");
  const what = isFull ? "unit tests" : "packages/db";
  if ("reason" in postgres) return without(`${what} on Postgres 16`, postgres);
  await suite({
    name: `${what} on Postgres ${postgres.version}`,
    project: "unit",
    // The launcher's own tests hold no SQL, and take as long as the rest together.
    choice: isFull ? [] : ["packages/db/", "--exclude=packages/db/src/embedded/**"],
    env: { VALET_TEST_POSTGRES: postgres.folder },
  });
}

/** Node 20 gets no fixes any more: the day the machines have 24, nothing is to be in the way. */
async function onNextNode(): Promise<void> {
  const [major = 0] = process.versions.node.split(".").map(Number);
  if (major >= 24) return without("unit tests on Node 24", { reason: `this run is on Node ${major}`, failed: false });
  const next = installOtherVersion(root, "node-24");
  if ("reason" in next) return without("unit tests on Node 24", next);
  const bin = join(next.folder, "bin");
  await suite({
    name: `unit tests on Node ${next.version}`,
    project: "unit",
    node: join(bin, "node"),
    // What a test starts by name is to be the same Node.
    env: { PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` },
  });
}

function without(name: string, { reason, failed: isFailure }: Missing): void {
  if (isFailure) failed.push(`${name}: ${reason}`);
  else leftOut.push(`${name}: ${reason}`);
}

async function suite({ name, project, choice = [], node = process.execPath, env = {} }: Suite): Promise<void> {
  console.log(`--- ${name}`);
  const report = join(reports, `${counts.size}.json`);
  const { status } = await runChild(
    node,
    [
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      "--project",
      project,
      "--reporter=default",
      "--reporter=json",
      `--outputFile=${report}`,
      ...choice,
    ],
    {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, VALET_SWEEP: isFull ? "full" : "sample", ...env },
      timeoutMs: isFull ? 4 * 3_600_000 : 1_500_000,
    },
  );
  if (status !== 0) failed.push(name);
  counts.set(name, { passed: 0, failed: 0 });
  if (!existsSync(report)) return;
  const read = readReport(report);
  if (read === null) return void failed.push(`${name}: its report breaks off`);
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = read;
  if (numPendingTests > 0) failed.push(`${name}: ${numPendingTests} tests were skipped`);
  for (const file of testResults) {
    const path = relative(root, file.name);
    for (const test of file.assertionResults) {
      if (test.status === "failed")
        failures.push(`${name}: ${path}: ${test.fullName}: ${firstLines(test.failureMessages[0])}`);
    }
    if (file.status === "failed" && file.message !== "") failures.push(`${name}: ${path}: ${firstLines(file.message)}`);
  }
  counts.set(name, { passed: numPassedTests, failed: numFailedTests });
}

/** Null: the suite was ended while it wrote. */
function readReport(path: string): z.infer<typeof reportSchema> | null {
  try {
    return reportSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function firstLines(message = "no message"): string {
  return message.split("\n").slice(0, 3).join(" | ").slice(0, 500);
}

async function mutants(): Promise<void> {
  console.log("--- mutants");
  const { stdout } = await runChild(
    process.execPath,
    ["--conditions=source", "--import", "tsx", join(root, "tests/mutants/run.ts"), ...(isFull ? ["--all"] : [])],
    { cwd: root, stdio: ["ignore", "pipe", "inherit"], timeoutMs: isFull ? 2 * 3_600_000 : 600_000 },
  );
  process.stdout.write(stdout);
  const last = /^mutants: (\d+) caught, (\d+) survived$/m.exec(stdout);
  if (!last) {
    failed.push("mutants");
    return;
  }
  counts.set("mutants", { passed: Number(last[1]), failed: Number(last[2]) });
}

/** Debian as root: installs what the suites drive. Elsewhere: says what is missing; the suites that need it then fail loudly. */
function installSystemPackages(): void {
  const wanted = [
    { command: "/usr/bin/chromium", name: "chromium" },
    { command: "/usr/bin/redis-server", name: "redis-server" },
    { command: "/usr/bin/openssl", name: "openssl" },
    { command: "/usr/bin/curl", name: "curl" },
  ].filter(({ command }) => !existsSync(command));
  if (wanted.length === 0) return;
  const names = wanted.map(({ name }) => name);
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    leftOut.push(
      `what needs ${names.join(", ")}: not installed here, and only root on Debian can install them by this command`,
    );
    return;
  }
  console.log(`--- installing ${names.join(", ")}`);
  const options = {
    stdio: "ignore",
    timeout: 600_000,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  } as const;
  spawnSync("apt-get", ["update", "-qq"], options);
  const installed = spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...names], options);
  if (installed.status !== 0) failed.push(`apt-get install ${names.join(" ")}`);
}
