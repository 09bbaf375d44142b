import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { makeFakeClock } from "@valet/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { beginJournal } from "./begin-journal.ts";
import { journalFolder } from "./journal-file.ts";
import { makeJournalStore } from "./journal-store.ts";
import { waitingJournals } from "./upload.ts";

let start: string;
beforeEach(() => {
  start = mkdtempSync(join(tmpdir(), "valet-journal-"));
  mkdirSync(join(start, ".valet"));
});
afterEach(() => rmSync(start, { recursive: true }));

const host = { key: "a", sandboxId: null, name: "a", address: "10.0.0.1", agentPort: 8000, health: null, why: "" };
const begun = () =>
  beginJournal(
    "v2",
    { environment: "staging" },
    { hosts: [host], source: "a test", isWhole: true, lastCompleted: null },
    [host],
    1_000,
  );

describe("the journal of a direct deploy", () => {
  it("is found from any folder below, whole, and guards each save by its revision", async () => {
    const folder = journalFolder(join(start));
    const journal = begun();
    folder.write(journal);
    mkdirSync(join(start, "below"));
    expect(journalFolder(join(start, "below")).list()).toEqual([journal]);
    const { id } = journal.document;
    const store = makeJournalStore({ folder, id, clock: makeFakeClock(), silentSince: () => null });
    const next = { ...journal.document, revision: 2, stateReason: "moved on" };
    const change = {
      decisions: [{ summary: "one", data: {} }],
      writes: [
        { kind: "claim_epoch", sandboxId: "a", epoch: 5 },
        { kind: "set_target", sandboxId: "a", generation: 2, slots: null },
        { kind: "allow_release", digest: "sha256:1", reason: "" },
      ] as const,
    };
    expect(await store.save(next, 1, change)).toBe("saved");
    expect(await store.save(next, 1, change)).toBe("lost_race");
    expect(folder.read(id)).toMatchObject({ document: { revision: 2 }, hosts: [{ epoch: 5, targetGeneration: 2 }] });
    expect(
      folder
        .read(id)
        ?.decisions.map(({ summary }) => summary)
        .at(-1),
    ).toBe("one");
    expect(readdirSync(dirname(folder.pathOf(id)))).toEqual([`${id}.json`]);
  });

  it("is taken forward by one process at a time; a lock whose holder was killed is no lock", () => {
    const folder = journalFolder(start);
    const { id } = begun().document;
    const unlock = folder.lock(id);
    expect(() => folder.lock(id)).toThrow(`Process ${process.pid} is running this deploy already`);
    unlock();
    // No process has this pid: it is beyond the largest one.
    writeFileSync(`${folder.pathOf(id)}.lock`, "99999999");
    folder.lock(id)();
  });

  it("half a file is never guessed at", () => {
    const folder = journalFolder(start);
    const journal = begun();
    folder.write(journal);
    const file = folder.pathOf(journal.document.id);
    writeFileSync(file, readFileSync(file, "utf8").slice(0, 200));
    expect(() => folder.list()).toThrow("mend it or move it away");
  });

  it("waits for the API once it has ended, until the API has taken it", () => {
    const folder = journalFolder(start);
    const journal = begun();
    folder.write(journal);
    expect(waitingJournals(folder)).toEqual([]);
    const ended = { ...journal, document: { ...journal.document, state: "completed" as const } };
    folder.write(ended);
    expect(waitingJournals(folder)).toEqual([ended]);
    folder.write({ ...ended, uploadedAt: 5 });
    expect(waitingJournals(folder)).toEqual([]);
  });
});
