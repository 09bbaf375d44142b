import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@valet/shared";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { findProcesses, readEvenEnded, readProcess } from "./process-table.ts";
import { makeProcessRuntime } from "./process-runtime.ts";
import type { UnitSpec } from "./runtime.ts";

const scratch = mkdtempSync(join(tmpdir(), "runtime-"));
const runtime = makeProcessRuntime({ runDir: join(scratch, "run"), clock: systemClock, baseEnv: { PATH: "/usr/bin" } });
afterEach(() => Promise.all(runtime.known().map((unit) => runtime.stop(unit, 0))));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function unit(name: string, code: string): UnitSpec {
  const releaseRoot = join(scratch, name);
  mkdirSync(releaseRoot, { recursive: true });
  writeFileSync(join(releaseRoot, "api.js"), code);
  return {
    unit: name,
    program: "api",
    releaseRoot,
    env: { GREETING: "hello" },
    logPath: join(scratch, "logs", `${name}.log`),
  };
}
const until = async (condition: () => boolean) => {
  for (let i = 0; i < 200 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 25));
  expect(condition()).toBe(true);
};

describe("units as processes", () => {
  it("lead their own group, get only what they are given, and write to their log", async () => {
    const spec = unit("plain", "console.log(JSON.stringify(process.env)); setInterval(() => {}, 1e6);");
    const started = runtime.start(spec);
    const pid = started.ok ? started.value.pid : 0;
    expect(readProcess(pid)?.group).toBe(pid);
    await until(() => readLog("plain").includes("}"));
    expect(Object.keys(JSON.parse(readLog("plain")) as object).sort()).toEqual(["GREETING", "PATH"]);
    expect(runtime.start(spec)).toEqual(started);
  });

  it("end when asked, and are ended with their whole group when they do not listen", async () => {
    const deaf = `process.on("SIGTERM", () => {}); require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)", "${scratch}/child"]); setInterval(() => {}, 1e6); console.log("up");`;
    runtime.start(unit("deaf", deaf));
    await until(() => readLog("deaf").includes("up") && findProcesses(`${scratch}/child`).length === 1);
    const startedMs = performance.now();
    await runtime.stop("deaf", 300);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(300);
    expect(runtime.inspect("deaf")).toBeUndefined();
    await until(() => findProcesses(`${scratch}/child`).length === 0);
  });

  it("one that is gone is seen as gone, though nobody has collected it", async () => {
    expect(runtime.start(unit("short", "process.exit(3)")).ok).toBe(true);
    await until(() => runtime.inspect("short") === undefined);
    expect(runtime.known()).toContain("short");
  });

  it("one that ended before anybody could look is known by its start, and does not count as running", () => {
    const { pid = 0 } = spawn("true", { stdio: "ignore" });
    // Without giving way to the event loop, which would collect it.
    const giveUpAt = performance.now() + 10_000;
    while (readEvenEnded(pid)?.state !== "Z" && performance.now() < giveUpAt);
    expect(readEvenEnded(pid)).toMatchObject({ pid, state: "Z" });
    expect(readEvenEnded(pid)?.startTime).not.toBe("");
    expect(readProcess(pid)).toBeUndefined();
  });

  it("another runtime on the same folder finds them again", () => {
    const started = runtime.start(unit("kept", "setInterval(() => {}, 1e6)"));
    const next = makeProcessRuntime({ runDir: join(scratch, "run"), clock: systemClock, baseEnv: {} });
    expect(next.inspect("kept")).toEqual(started.ok ? started.value : undefined);
  });

  it("a program that cannot be started at all is an error, not a crash", () => {
    const broken = makeProcessRuntime({
      runDir: join(scratch, "run2"),
      clock: systemClock,
      baseEnv: {},
      nodePath: "/no/such/node",
    });
    expect(broken.start(unit("never", ""))).toMatchObject({ ok: false, error: { kind: "start" } });
  });
});

function readLog(name: string): string {
  return readFileSync(join(scratch, "logs", `${name}.log`), "utf8");
}
