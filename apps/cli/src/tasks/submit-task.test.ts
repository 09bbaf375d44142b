import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeApi, startFakeApi } from "../testing/fake-api.ts";
import { fakeTask, id } from "../testing/fake-views.ts";
import { runValet } from "../testing/run-valet.ts";

let api: FakeApi;
let folder: string;
beforeEach(async () => {
  api = await startFakeApi({ submitTask: () => fakeTask({ state: "queued" }) });
  folder = mkdtempSync(join(tmpdir(), "valet-submit-"));
});
afterEach(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

const steps = [{ action: "click", selector: "#send" }];
const sent = () => api.calls.at(-1);

describe("valet tasks submit", () => {
  it("sends the task of a file, flags on top", async () => {
    writeFileSync(
      join(folder, "task.json"),
      JSON.stringify({ url: "https://example.com", steps, metadata: { a: "1" } }),
    );
    const flags = ["--priority", "60", "--metadata", "b=2=3", "--idempotency-key", "k-1", "--environment", "prod"];
    const ran = await runValet(["tasks", "submit", "task.json", ...flags], { api, folder });
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(sent()?.body).toMatchObject({
      steps,
      priority: 60,
      metadata: { a: "1", b: "2=3" },
      environment: "production",
    });
    expect(sent()?.headers["idempotency-key"]).toBe("k-1");
  });

  it("reads standard input", async () => {
    await runValet(["tasks", "submit", "-"], { api, stdin: JSON.stringify({ steps }) });
    expect(sent()?.body).toMatchObject({ steps });
  });

  it("takes a page and steps from flags, steps from a file too", async () => {
    writeFileSync(join(folder, "steps.json"), JSON.stringify(steps));
    for (const value of [JSON.stringify(steps), "@steps.json"]) {
      await runValet(["tasks", "submit", "--url", "https://example.com", "--steps", value], { api, folder });
      expect(sent()?.body).toMatchObject({ url: "https://example.com", steps });
    }
  });

  it("with a page alone takes a screenshot of it", async () => {
    await runValet(["tasks", "submit", "--url", "https://example.com"], { api });
    expect(sent()?.body).toMatchObject({ steps: [{ action: "goto" }, { action: "screenshot" }] });
  });

  it("names each wrong field of a file and sends nothing", async () => {
    writeFileSync(join(folder, "task.json"), JSON.stringify({ steps: [{ action: "click" }], prioritty: 1 }));
    const ran = await runValet(["tasks", "submit", "task.json"], { api, folder });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/\n {2}steps\.0\.selector: /);
    expect(ran.stderr).toContain("prioritty");
    expect(api.calls).toEqual([]);
  });

  it.each([
    ["[]", "does not hold a task"],
    ["null", "does not hold a task"],
    ["{", "is not JSON"],
  ])("refuses a file with %s", async (text, message) => {
    writeFileSync(join(folder, "task.json"), text);
    const ran = await runValet(["tasks", "submit", "task.json"], { api, folder });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(`task.json ${message}`);
  });

  it("refuses a file of more than 10 MB before sending it", async () => {
    writeFileSync(join(folder, "task.json"), " ".repeat(10_000_001));
    const ran = await runValet(["tasks", "submit", "task.json"], { api, folder });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("more than 10000000 bytes");
  });

  it.each([
    ["completed", 0],
    ["failed", 1],
    ["needs_review", 1],
  ] as const)("--wait ends with the task: %s is exit code %i", async (state, code) => {
    const states = ["queued", "running", state] as const;
    let next = 0;
    api.answers.getTask = () => fakeTask({ state: states[Math.min(next++, 2)] });
    const ran = await runValet(["tasks", "submit", "--url", "https://example.com", "--wait"], { api });
    expect(ran.code).toBe(code);
    expect(ran.stdout).toContain("Task 7a7a7a7a is running.");
    expect(ran.stdout).toContain(`State        ${state}`);
    next = 0;
    const asJson = await runValet(["tasks", "submit", "--url", "https://example.com", "--wait", "--json"], { api });
    expect(JSON.parse(asJson.stdout)).toMatchObject({ id: id("7a7a7a7a"), state });
  });
});
