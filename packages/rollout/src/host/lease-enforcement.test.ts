import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { enforceDeadlines, isPastDeadline, type LeaseFile } from "./lease-enforcement.ts";

const scratch = mkdtempSync(join(tmpdir(), "leases-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const lease: LeaseFile = {
  taskId: "t",
  fence: 1,
  deadlineWallMs: 10_000,
  deadlineMonoMs: 500,
  browserPid: 2_000_000_000,
  profileDir: "/profiles/g1-b0",
  frozen: false,
};

describe("the deadline from outside", () => {
  it.each([
    [{ wallMs: 10_100, monoMs: 400 }, true, "the wall clock alone is enough"],
    [{ wallMs: 9000, monoMs: 600 }, true, "so is the monotonic one: a clock set back saves nobody"],
    [{ wallMs: 10_000, monoMs: 500 }, false, "on the dot it is the GH worker's turn"],
    [{ wallMs: 10_040, monoMs: 540 }, false, "and a moment longer"],
  ])("%o -> %s: %s", (now, expected) => {
    expect(isPastDeadline(lease, now, 50)).toBe(expected);
  });

  it("reads past half-written and foreign files, and freezes no pid that is gone", () => {
    mkdirSync(join(scratch, "leases"));
    writeFileSync(join(scratch, "leases", "g1-0.json"), "{half");
    writeFileSync(join(scratch, "leases", "g1-1.json"), '{"other":true}');
    writeFileSync(join(scratch, "leases", "g1-2.json"), JSON.stringify(lease));
    expect(enforceDeadlines(scratch, () => ({ wallMs: 99_999, monoMs: 99_999 }), 0)).toEqual([]);
    expect(enforceDeadlines(join(scratch, "absent"), () => ({ wallMs: 0, monoMs: 0 }), 0)).toEqual([]);
  });
});
