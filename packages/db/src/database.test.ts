import { once } from "node:events";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDatabase } from "./database.ts";
import { notify } from "./notify.ts";
import { createTestDatabase } from "./testing.ts";
import type { TestDatabase } from "./testing.ts";

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());

/** Polls until true; a test that waits longer has failed. */
async function until(isTrue: () => boolean): Promise<void> {
  for (const giveUpAt = performance.now() + 40_000; !isTrue();) {
    if (performance.now() > giveUpAt) throw new Error("it never became true");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("a database", () => {
  it("gives numbers for bigint and dates for times", async () => {
    const { rows } = await test.db.query("SELECT 9007199254740991::bigint AS big, now() AS at");
    expect(rows[0]?.big).toBe(9_007_199_254_740_991);
    expect(rows[0]?.at).toBeInstanceOf(Date);
  });

  it("undoes a transaction that throws, and only a savepoint's part when that throws", async () => {
    await test.db.query("CREATE TABLE t (n int)");
    await expect(
      test.db.tx(async (tx) => {
        await tx.query("INSERT INTO t VALUES (1)");
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    await test.db.tx(async (tx) => {
      await tx.query("INSERT INTO t VALUES (2)");
      await tx
        .savepoint(async () => {
          await tx.query("INSERT INTO t VALUES (3)");
          throw new Error("part");
        })
        .catch((error: Error) => expect(error.message).toBe("part"));
    });
    expect((await test.db.query("SELECT n FROM t")).rows).toEqual([{ n: 2 }]);
  });

  it("hears notifications, also after its connection was killed, and says that it may have missed some", async () => {
    const heard: string[] = [];
    let reconnects = 0;
    const db = openDatabase({ url: test.url, applicationName: "hears" });
    const onNotify = (channel: string, payload: string): void => void heard.push(`${channel} ${payload}`);
    await db.listen(["valet_assign", "valet_deploy"], onNotify, () => void (reconnects += 1));
    await notify(test.db, "deploy", ["d1", "d1"]);
    await until(() => heard.length > 0);
    expect(heard).toEqual(["valet_deploy d1"]);
    await test.db.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hears listen'",
    );
    await until(() => reconnects === 1);
    await notify(test.db, "assign", [""]);
    await until(() => heard.includes("valet_assign "));
    await db.close();
  });

  it("survives that all its connections are killed", async () => {
    const db = openDatabase({ url: test.url, applicationName: "killed", max: 3 });
    await Promise.all([db.query("SELECT 1"), db.query("SELECT 1")]);
    await test.db.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'killed'");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await db.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
    await expect(
      db.tx(async (tx) => {
        await test.db.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'killed'");
        await tx.query("SELECT 1");
      }),
    ).rejects.toThrow();
    expect((await db.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
    await db.close();
  });

  it("survives that a connection is ended in the moment it stands", async () => {
    // Greeting and farewell in one piece: the farewell is read before whoever asked for the connection has it.
    const message = (type: string, body: string): Buffer => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(body.length + 4);
      return Buffer.concat([Buffer.from(type), length, Buffer.from(body)]);
    };
    const farewell = "SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0";
    const answer = Buffer.concat([message("R", "\0\0\0\0"), message("Z", "I"), message("E", farewell)]);
    const server = createServer((socket) => socket.once("data", () => socket.end(answer)));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const uncaught: Error[] = [];
    const note = (error: Error): void => void uncaught.push(error);
    process.on("uncaughtException", note);
    const db = openDatabase({ url: `postgres://valet@127.0.0.1:${port}/valet`, applicationName: "ended" });
    await expect(db.tx((tx) => tx.query("SELECT 1"))).rejects.toThrow();
    await expect(db.query("SELECT 1")).rejects.toThrow();
    await db.close();
    process.off("uncaughtException", note);
    server.close();
    expect(uncaught).toEqual([]);
  });
});
