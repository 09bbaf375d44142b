import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openEpochLedger } from "./epoch-ledger.ts";

const scratch = mkdtempSync(join(tmpdir(), "ledger-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const path = () => join(mkdtempSync(join(scratch, "host-")), "epoch.json");

describe("the epoch ledger", () => {
  it("admits only newer epochs, and gaps are fine", () => {
    const ledger = openEpochLedger(path());
    expect(ledger.current()).toBe(0);
    expect(ledger.admit(3)).toEqual({ ok: true, value: undefined });
    for (const epoch of [1, 2, 3]) {
      expect(ledger.admit(epoch)).toMatchObject({ ok: false, error: { kind: "stale_epoch", epoch: 3 } });
    }
    expect(ledger.admit(10).ok).toBe(true);
  });

  it("is on disk when it answers, and read again by the next process", () => {
    const file = path();
    openEpochLedger(file).admit(7);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ epoch: 7 });
    expect(openEpochLedger(file).check(7)).toMatchObject({ ok: false, error: { epoch: 7 } });
  });

  it("checking writes nothing", () => {
    const file = path();
    const ledger = openEpochLedger(file);
    expect(ledger.check(5).ok).toBe(true);
    expect(openEpochLedger(file).current()).toBe(0);
  });

  it("a ledger that cannot be read stops the agent instead of starting from zero", () => {
    const file = path();
    writeFileSync(file, "{half");
    expect(() => openEpochLedger(file)).toThrow("cannot be read");
  });
});
