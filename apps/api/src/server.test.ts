import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket } from "ws";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type TestApi, makeTestApi } from "./testing/test-api.ts";

let api: TestApi;
let webDir: string;
const children: ChildProcess[] = [];
beforeAll(async () => {
  api = await makeTestApi();
  webDir = await mkdtemp(join(tmpdir(), "valet-web-"));
  await mkdir(join(webDir, "assets"));
  await writeFile(join(webDir, "index.html"), "<!doctype html><title>VALET</title>");
  await writeFile(join(webDir, "assets", "app-1a2b.js"), "export {};");
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(async () => {
  await api.close();
  await rm(webDir, { recursive: true });
});

/** The real process, on a free port. */
async function startServer(env: Record<string, string> = {}) {
  const child = spawn(
    process.execPath,
    ["--conditions=source", "--import", "tsx", join(import.meta.dirname, "server.ts")],
    {
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: api.database.url,
        JWT_SECRET: "x".repeat(32),
        VALET_SEAL_KEY: randomBytes(32).toString("base64"),
        PORT: "0",
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  children.push(child);
  let out = "";
  let err = "";
  child.stdout?.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const exited = once(child, "exit").then(([code]) => code as number | null);
  const address = async () => {
    for (;;) {
      const found = /"address":"(http[^"]+)"/.exec(out)?.[1];
      if (found) return found;
      if (child.exitCode !== null) throw new Error(`the server ended: ${err}`);
      await once(child.stdout ?? child, "data");
    }
  };
  return { child, exited, address, stderr: () => err, stdout: () => out };
}

describe("the API process", () => {
  test("SIGTERM ends it within ten seconds with code 0: long-polls answered, sockets closed with 1001", async () => {
    const server = await startServer();
    const address = await server.address();
    const socket = new WebSocket(`${address.replace("http", "ws")}/api/v1/ws?token=${api.tokens.admin}`);
    await once(socket, "open");
    const closed = once(socket, "close");
    const created = await fetch(`${address}/api/v1/admin/sandboxes`, {
      method: "POST",
      headers: { authorization: `Bearer ${api.tokens.admin}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "s", environment: "dev", instanceId: "term-1", publicIp: "127.0.0.1" }),
    });
    const { identity } = (await created.json()) as { identity: { token: string } };
    const headers = { authorization: `Bearer ${identity.token}`, "content-type": "application/json" };
    const opened = await fetch(`${address}/api/v1/sandbox/session`, {
      method: "POST",
      headers,
      body: JSON.stringify({ bootId: "b", version: "1", wire: { min: 1, max: 1 } }),
    });
    const { sessionId } = (await opened.json()) as { sessionId: string };
    const poll = (revision: number) =>
      fetch(`${address}/api/v1/sandbox/session/${sessionId}/assignments?waitMs=30000&planRevision=${revision}`, {
        headers,
      });
    const { plan } = (await (await poll(-1)).json()) as { plan: { revision: number } };
    const parked = poll(plan.revision);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const started = performance.now();
    server.child.kill("SIGTERM");
    expect((await parked).status).toBe(200);
    expect((await closed)[0]).toBe(1001);
    expect(await server.exited).toBe(0);
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(server.stdout()).not.toContain(api.tokens.admin);
  });

  test("a taken port is one line that says what to do", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const server = await startServer({ PORT: String(port) });
    expect(await server.exited).toBe(1);
    expect(server.stderr().trim()).toMatch(/^valet-api: the port is taken: .*Set PORT to another one\.$/);
    taken.close();
  });

  test.each([
    ["JWT_SECRET", "short"],
    ["VALET_ENVIRONMENT", "staging"],
    ["DATABASE_URL", ""],
    ["VALET_ROLLOUT_DEFAULTS", "{"],
    ["VALET_WEB_DIR", "/nowhere/at/all"],
  ])("a wrong %s is one line that names it", async (name, value) => {
    const server = await startServer({ [name]: value });
    expect(await server.exited).toBe(1);
    expect(server.stderr().trim().split("\n")).toHaveLength(1);
    expect(server.stderr()).toContain(name);
  });

  test("without a database it says so", async () => {
    const server = await startServer({ DATABASE_URL: "postgres://127.0.0.1:1/none" });
    expect(await server.exited).toBe(1);
    expect(server.stderr()).toContain("no database at DATABASE_URL");
  });
});

describe("the dashboard", () => {
  test("is served with its pages, its assets for a year, and a policy", async () => {
    const server = await startServer({ VALET_WEB_DIR: webDir });
    const address = await server.address();
    for (const path of ["/", "/deploys/123", "/tasks", "/..%2f..%2fetc%2fpasswd"]) {
      const page = await fetch(address + path);
      expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("VALET")]);
      expect(page.headers.get("content-security-policy")).toContain("script-src 'self'");
      expect(page.headers.get("cache-control")).toBe("no-cache");
    }
    const asset = await fetch(`${address}/assets/app-1a2b.js`);
    expect(asset.headers.get("cache-control")).toContain("immutable");
    for (const path of ["/assets/gone.js", "/api/v1/nowhere", "/favicon.ico"])
      expect((await fetch(address + path)).status, path).toBe(404);
  });
});
