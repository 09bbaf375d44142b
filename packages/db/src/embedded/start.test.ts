import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { postgresUnderTest } from "../testing/postgres-under-test.ts";
import { isProcessAlive } from "./keeper.ts";
import { startEmbeddedPostgres } from "./start.ts";

const binariesDir = postgresUnderTest();
let dataDir: string;
let parent: string;
beforeAll(async () => {
  // mkdtemp makes a folder that only its owner may enter, as a home folder is.
  parent = await mkdtemp(join(tmpdir(), "valet-embedded-"));
  dataDir = join(parent, "deep/data");
});
afterAll(async () => {
  await rm(await homeOf(), { recursive: true, force: true });
  await rm(parent, { recursive: true, force: true });
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(sql);
  await client.end();
  return rows;
}

async function homeOf(): Promise<string> {
  return readFile(join(dataDir, "moved-to"), "utf8").then(
    (text) => text.trim(),
    () => dataDir,
  );
}

async function serverPid(): Promise<number> {
  return Number((await readFile(join(await homeOf(), "data/postmaster.pid"), "utf8")).split("\n")[0]);
}

async function until(isTrue: () => boolean, deadlineMs = 20_000): Promise<void> {
  for (const giveUpAt = performance.now() + deadlineMs; !isTrue();) {
    if (performance.now() > giveUpAt) throw new Error("it never became true");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe("embedded Postgres", () => {
  it("starts under a closed folder, keeps its data over a restart, and its password out of sight", async () => {
    const first = await startEmbeddedPostgres({ binariesDir, dataDir });
    await query(first.url, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)");
    await first.stop();
    await expect(query(first.url, "SELECT 1")).rejects.toThrow(/ECONNREFUSED/);
    const second = await startEmbeddedPostgres({ binariesDir, dataDir });
    expect(await query(second.url, "SELECT n FROM kept")).toEqual([{ n: 7 }]);
    expect((await stat(join(await homeOf(), "password"))).mode & 0o077).toBe(0);
    await second.stop();
  });

  it("is adopted while it runs, and ends with its last user", async () => {
    const first = await startEmbeddedPostgres({ binariesDir, dataDir });
    const second = await startEmbeddedPostgres({ binariesDir, dataDir });
    expect(second).toMatchObject({ adopted: true, port: first.port });
    await first.stop();
    expect(await query(second.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    const pid = await serverPid();
    await second.stop();
    await until(() => !isProcessAlive(pid));
  });

  it("starts after the server itself was killed, and loses nothing that was committed", async () => {
    const first = await startEmbeddedPostgres({ binariesDir, dataDir });
    await query(first.url, "INSERT INTO kept VALUES (8)");
    const pid = await serverPid();
    process.kill(pid, "SIGKILL");
    await until(() => !isProcessAlive(pid));
    const second = await startEmbeddedPostgres({ binariesDir, dataDir });
    expect(second.adopted).toBe(false);
    expect(await query(second.url, "SELECT count(*)::int AS count FROM kept")).toEqual([{ count: 2 }]);
    await first.stop();
    await second.stop();
  });

  it("ends by itself when its program is killed", async () => {
    const program = `import { startEmbeddedPostgres } from ${JSON.stringify(fileURLToPath(new URL("./start.ts", import.meta.url)))};
      startEmbeddedPostgres({ ...${JSON.stringify({ binariesDir, dataDir })}, idleMs: 200 }).then(() => process.kill(process.pid, "SIGKILL"));`;
    const args = ["--conditions=source", "--import", "tsx", "--input-type=module", "-e", program];
    const cwd = fileURLToPath(new URL("../..", import.meta.url));
    const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "ignore", "pipe"] });
    let complaint = "";
    child.stderr.on("data", (chunk: Buffer) => void (complaint += chunk.toString()));
    const signal = await new Promise((resolve) => child.once("exit", (_code, by) => resolve(by)));
    expect(signal, complaint).toBe("SIGKILL");
    const pid = await serverPid().catch(() => 0);
    await until(() => pid === 0 || !isProcessAlive(pid));
  });

  it("says in words when its port is taken", async () => {
    const squatter = createServer();
    const port = await new Promise<number>((resolve) => {
      squatter.listen(0, "127.0.0.1", () => {
        const address = squatter.address();
        resolve(typeof address === "object" && address ? address.port : 0);
      });
    });
    await expect(startEmbeddedPostgres({ binariesDir, dataDir, port })).rejects.toThrow(
      new RegExp(`did not start on port ${port}[^]*Address already in use`),
    );
    squatter.close();
  });
});
