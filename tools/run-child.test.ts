import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { waitFor } from "./local-stack/wait-for.ts";
import { runChild } from "./run-child.mjs";

const module = join(import.meta.dirname, "run-child.mjs");
const sleeper = `console.log(process.pid); setInterval(() => {}, 1e6)`;
const runner = `import(${JSON.stringify(module)}).then(({ runChild }) =>
  runChild(process.execPath, ["-e", ${JSON.stringify(sleeper)}], { stdio: "inherit" })).then(({ status }) => process.exit(status))`;

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    // ESRCH: there is no such process.
    return false;
  }
};
async function pidSaidBy(child: ChildProcess): Promise<number> {
  let said = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (said += text));
  return waitFor("the sleeper's pid", async () => Number(/^\d+$/m.exec(said)?.[0]) || undefined);
}
const untilDead = (pid: number) => waitFor("the sleeper's end", async () => (isAlive(pid) ? undefined : true));

describe("a program run by another", () => {
  it("ends with its status and what it printed", async () => {
    const ran = await runChild(process.execPath, ["-e", "console.log(7); process.exit(3)"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    expect(ran).toEqual({ status: 3, stdout: "7\n" });
  });

  it("ends when the one that runs it is told to end", async () => {
    const child = spawn(process.execPath, ["-e", runner], { stdio: ["ignore", "pipe", "ignore"] });
    const pid = await pidSaidBy(child);
    child.kill("SIGTERM");
    await untilDead(pid);
  });

  it("ends when the one above that has died, as npm does of a SIGTERM, which it passes on to nobody", async () => {
    const above = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(runner)}], { stdio: "inherit" })`;
    const npm = spawn(process.execPath, ["-e", above], { stdio: ["ignore", "pipe", "ignore"] });
    const pid = await pidSaidBy(npm);
    npm.kill("SIGKILL");
    await untilDead(pid);
  });
});
