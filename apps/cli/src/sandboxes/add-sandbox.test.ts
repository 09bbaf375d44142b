import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "@valet/shared";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type FakeApi, startFakeApi } from "../testing/fake-api.ts";
import { fakeSandbox } from "../testing/fake-views.ts";
import { runValet } from "../testing/run-valet.ts";

let api: FakeApi;
let folder: string;
beforeEach(async () => {
  api = await startFakeApi();
  folder = mkdtempSync(join(tmpdir(), "valet-add-"));
});
afterEach(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

const args = [
  "sandboxes",
  "add",
  "box",
  "--environment",
  "staging",
  "--public-ip",
  "10.0.0.9",
  "--identity-file",
  "box.env",
];
const identity = { sandboxId: fakeSandbox().id, token: "the-token", agentKey: "the-key" };

it("keeps the identity in a file for its owner only, and never shows it", async () => {
  api.answers.createSandbox = () => ({ ...fakeSandbox(), identity });
  const ran = await runValet([...args, "--label", "zone=a", "--capacity", "3"], { api, folder });
  expect(ran.code).toBe(0);
  const file = join(folder, "box.env");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, "utf8").split("\n")).toEqual([
    `VALET_SANDBOX_ID=${identity.sandboxId}`,
    "VALET_SANDBOX_TOKEN=the-token",
    "VALET_AGENT_KEY=the-key",
    `VALET_API_URL=${api.url}`,
    "VALET_WORKER_ROLE=sandbox",
    "",
  ]);
  expect(ran.stdout).not.toMatch(/the-token|the-key/);
  expect(api.calls.at(-1)?.body).toMatchObject({ name: "box", instanceId: "box", capacity: 3, labels: { zone: "a" } });
  const asJson = await runValet([...args.slice(0, -1), "other.env", "--json"], { api, folder });
  expect(JSON.parse(asJson.stdout)).toMatchObject({ identityFile: join(folder, "other.env") });
  expect(asJson.stdout).not.toMatch(/the-token|the-key/);
});

it("leaves no file when the API refuses", async () => {
  api.answers.createSandbox = () => {
    throw new UserError("conflict", "instance id box is taken");
  };
  const ran = await runValet(args, { api, folder });
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain("instance id box is taken");
  expect(existsSync(join(folder, "box.env"))).toBe(false);
});

it("never overwrites a file, and asks the API only when the file could be made", async () => {
  writeFileSync(join(folder, "box.env"), "mine");
  const ran = await runValet(args, { api, folder });
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain("it exists");
  expect(readFileSync(join(folder, "box.env"), "utf8")).toBe("mine");
  expect(api.calls).toEqual([]);
});
