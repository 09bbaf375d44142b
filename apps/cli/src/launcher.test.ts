import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const launcher = join(dirname(dirname(dirname(import.meta.dirname))), "valet");
const longAgo = new Date("2020-01-01T00:00:00Z");
let root: string;

/** A checkout in small: the real launcher, a source of each package, and a build that leaves a mark. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "valet-launcher-"));
  cpSync(launcher, join(root, "valet"));
  for (const folder of [
    "apps/cli/src",
    "packages/shared/src",
    "packages/contracts/src",
    "packages/rollout/src",
    "tools",
  ]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  for (const file of ["apps/cli/package.json", "pnpm-lock.yaml"]) writeOld(file, "{}");
  for (const folder of ["apps/cli/src", "packages/shared/src", "packages/contracts/src", "packages/rollout/src"]) {
    writeOld(`${folder}/one.ts`, "");
    utimesSync(join(root, folder), longAgo, longAgo);
  }
  writeOld(
    "tools/build-app.mjs",
    `import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
     appendFileSync("../../builds", "built\\n"); console.log("noise of the build"); mkdirSync("dist", { recursive: true });
     writeFileSync("dist/valet.js", "console.log(JSON.stringify(process.argv.slice(2))); process.exit(3)");`,
  );
});
afterEach(() => rmSync(root, { recursive: true }));

function writeOld(file: string, text: string): void {
  writeFileSync(join(root, file), text);
  utimesSync(join(root, file), longAgo, longAgo);
}
const install = () => mkdirSync(join(root, "node_modules", "esbuild"), { recursive: true });
const run = (path: string, ...args: string[]) => spawnSync(path, args, { encoding: "utf8", timeout: 20_000 });
const builds = () => readFileSync(join(root, "builds"), "utf8").split("\n").length - 1;

describe("the launcher", () => {
  it("is strict and has at most 20 lines", () => {
    const lines = readFileSync(launcher, "utf8").trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(20);
    expect(lines).toContain("set -euo pipefail");
  });

  it("builds once, then runs what was built: arguments and exit code go through, noise stays off stdout", () => {
    install();
    for (let time = 0; time < 2; time += 1) {
      const ran = run(join(root, "valet"), "tasks", "list", "a b");
      expect(ran.stdout).toBe('["tasks","list","a b"]\n');
      expect(ran.status).toBe(3);
    }
    expect(builds()).toBe(1);
  });

  it("builds again when a source of any package it is made of has changed", () => {
    install();
    run(join(root, "valet"));
    const later = new Date(Date.now() + 60_000);
    utimesSync(join(root, "packages/contracts/src/one.ts"), later, later);
    run(join(root, "valet"));
    expect(builds()).toBe(2);
  });

  it("works through a link from elsewhere", () => {
    install();
    symlinkSync(join(root, "valet"), join(root, "elsewhere"));
    expect(run(join(root, "elsewhere"), "x").stdout).toBe('["x"]\n');
  });

  it("says what to do when the dependencies are not installed", () => {
    const ran = run(join(root, "valet"), "status");
    expect(ran.status).toBe(1);
    expect(ran.stdout).toBe("");
    expect(ran.stderr).toMatch(/^valet: the dependencies are not installed\. Run: npm exec .+\n$/);
  });
});
