import { appendFile, mkdtemp, readdir, readFile, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { recoverAttempts } from "./recovered-attempts.ts";
import { makeSpoolFolder, type AcceptedRecord } from "./spool.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "gh-spool-"));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const accepted: AcceptedRecord = {
  kind: "accepted",
  jobId: "job-1",
  taskId: "task-1",
  fence: 2,
  leaseId: "lease-2",
  slot: 0,
  generation: 5,
  bootId: "boot-1",
  at: "2026-01-01T00:00:00.000Z",
};
const event = (seq: number, type: "attempt_started" | "step_started" | "step_done", stepIndex = 0) => ({
  kind: "event" as const,
  event: { fence: 2, seq, type, at: "2026-01-01T00:00:01.000Z", data: { stepIndex } },
});
const recover = () => recoverAttempts(makeSpoolFolder(dataDir, 5), { send: () => undefined, nowMs: () => 0 });

it("takes an attempt once, whichever generation asks again", () => {
  expect(makeSpoolFolder(dataDir, 5).accept(accepted)).toBeDefined();
  expect(makeSpoolFolder(dataDir, 5).accept({ ...accepted, jobId: "job-2" })).toBeUndefined();
  expect(makeSpoolFolder(dataDir, 6).accept({ ...accepted, generation: 6 })).toBeUndefined();
  expect(makeSpoolFolder(dataDir, 5).accept({ ...accepted, fence: 3 })).toBeDefined();
});

it("reports what had not ended as interrupted, with the writes that may have happened; a half-written line is cut away", async () => {
  const spool = makeSpoolFolder(dataDir, 5).accept(accepted);
  for (const record of [event(1, "attempt_started"), event(2, "step_started", 3)]) spool?.append(record);
  spool?.append({ kind: "permit", stepIndex: 3, askId: "a", at: "2026-01-01T00:00:01.000Z" });
  spool?.append(event(3, "step_done", 3));
  spool?.append({ kind: "permit", stepIndex: 4, askId: "b", at: "2026-01-01T00:00:01.000Z" });
  spool?.append({ kind: "acknowledged", throughSeq: 2 });
  spool?.close();
  const file = join(dataDir, "spool", "task-1.2.jsonl");
  await appendFile(file, '{"kind":"event","event":{"fen');
  const [attempt] = await recover();
  expect(attempt?.view).toMatchObject({ status: "interrupted", steps_done: 1, fence: 2, lease_id: "lease-2" });
  const entries = attempt?.journal.unacknowledged() ?? [];
  expect(entries.map((entry) => entry.kind === "event" && [entry.event.seq, entry.event.type])).toEqual([
    [3, "step_done"],
    [4, "finished"],
  ]);
  expect(entries[1]).toMatchObject({
    event: {
      data: {
        status: "interrupted",
        writes: [
          { stepIndex: 3, isDone: true },
          { stepIndex: 4, isDone: false },
        ],
      },
    },
  });
  // Once more: the end that was written is the end.
  const [again] = await recover();
  expect(again?.journal.unacknowledged()).toEqual(entries);
  expect((await readFile(file, "utf8")).split("\n").filter((line) => line.includes('"finished"'))).toHaveLength(1);
  expect(again?.journal.acknowledge(3)).toBe(false);
  expect(again?.journal.acknowledge(4)).toBe(true);
  again?.journal.forget();
  expect(await readdir(join(dataDir, "spool"))).toEqual([]);
});

it("leaves other generations' attempts alone, and removes a file that never got its first line", async () => {
  makeSpoolFolder(dataDir, 6)
    .accept({ ...accepted, generation: 6 })
    ?.close();
  const unbegun = join(dataDir, "spool", "task-9.1.jsonl");
  await appendFile(unbegun, '{"kind":"acc');
  expect(await recover()).toEqual([]);
  expect((await readdir(join(dataDir, "spool"))).sort()).toEqual(["task-1.2.jsonl", "task-9.1.jsonl"]);
  await utimes(unbegun, 1, 1);
  expect(await recover()).toEqual([]);
  expect(await readdir(join(dataDir, "spool"))).toEqual(["task-1.2.jsonl"]);
});
