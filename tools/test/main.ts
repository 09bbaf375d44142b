import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { z } from "zod";

/**
 * `npm test`: system packages where they can be had, then lint, types, unit suite, system suite, mutants; the counts come last.
 * `--full` sweeps where the plain run samples (VALET_SWEEP=full).
 */
const root = dirname(dirname(import.meta.dirname));
const isFull = process.argv.includes("--full");
const reports = mkdtempSync(join(tmpdir(), "valet-test-"));
const leftOut: string[] = [];
/** Names and first lines of what failed, said again last: a log that is cut keeps its end. */
const failures: string[] = [];
const failed: string[] = [];
const reportSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
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
run("lint", "node_modules/eslint/bin/eslint.js", ["."]);
run("format", "node_modules/prettier/bin/prettier.cjs", ["--check", "--log-level", "warn", "."]);
run("types", "node_modules/typescript/bin/tsc", ["-p", "tsconfig.json"]);
const counts = [suite("unit"), suite("system"), mutants()].reduce((a, b) => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
}));
rmSync(reports, { recursive: true, force: true });

for (const line of leftOut) console.log(`left out: ${line}`);
for (const failure of failures) console.log(`failed: ${failure}`);
for (const name of failed) console.log(`failed: ${name}`);
console.log(`${counts.passed} passed, ${counts.failed + failed.length} failed`);
process.exitCode = counts.failed + failed.length === 0 ? 0 : 1;

function run(name: string, script: string, args: string[]): void {
  console.log(`--- ${name}`);
  const result = spawnSync(process.execPath, [join(root, script), ...args], {
    cwd: root,
    stdio: "inherit",
    timeout: 600_000,
  });
  if (result.status !== 0) failed.push(name);
}

function suite(project: "unit" | "system"): { passed: number; failed: number } {
  console.log(`--- ${project} tests`);
  const report = join(reports, `${project}.json`);
  const result = spawnSync(
    process.execPath,
    [
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      "--project",
      project,
      "--reporter=default",
      "--reporter=json",
      `--outputFile=${report}`,
    ],
    {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, VALET_SWEEP: isFull ? "full" : "sample" },
      timeout: isFull ? 4 * 3_600_000 : 1_500_000,
    },
  );
  if (result.status !== 0) failed.push(`${project} tests`);
  if (!existsSync(report)) return { passed: 0, failed: 0 };
  const { numPassedTests, numFailedTests, testResults } = reportSchema.parse(JSON.parse(readFileSync(report, "utf8")));
  for (const file of testResults) {
    const path = relative(root, file.name);
    for (const test of file.assertionResults) {
      if (test.status === "failed") failures.push(`${path}: ${test.fullName}: ${firstLines(test.failureMessages[0])}`);
    }
    if (file.status === "failed" && file.message !== "") failures.push(`${path}: ${firstLines(file.message)}`);
  }
  return { passed: numPassedTests, failed: numFailedTests };
}

function firstLines(message = "no message"): string {
  return message.split("\n").slice(0, 3).join(" | ").slice(0, 500);
}

function mutants(): { passed: number; failed: number } {
  console.log("--- mutants");
  const result = spawnSync(
    process.execPath,
    ["--conditions=source", "--import", "tsx", join(root, "tests/mutants/run.ts"), ...(isFull ? ["--all"] : [])],
    { cwd: root, stdio: ["ignore", "pipe", "inherit"], encoding: "utf8", timeout: isFull ? 2 * 3_600_000 : 600_000 },
  );
  process.stdout.write(result.stdout);
  const last = /^mutants: (\d+) caught, (\d+) survived$/m.exec(result.stdout);
  if (!last) {
    failed.push("mutants");
    return { passed: 0, failed: 0 };
  }
  return { passed: Number(last[1]), failed: Number(last[2]) };
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
