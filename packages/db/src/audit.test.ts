import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { appendAudit, listAudit, verifyAuditChain } from "./audit.ts";
import { must } from "./test-fleet.ts";
import { createTestDatabase } from "./testing.ts";
import type { TestDatabase } from "./testing.ts";

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());

const append = (subject: string, data: Record<string, unknown> = {}) =>
  test.db.tx((tx) => appendAudit(tx, { actor: "me", action: "test", subject, data }));
/** What somebody with the superuser's password could do. */
const tamper = (sql: string) =>
  test.db.tx(async (tx) => {
    await tx.query("ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only");
    await tx.query(sql);
    await tx.query("ALTER TABLE audit_log ENABLE TRIGGER audit_log_append_only");
  });

describe("the audit log", () => {
  it("chains rows that many write at once, and those of one batch", async () => {
    const odd = { z: 1, a: { nested: [1.5, null, "ü"] }, at: new Date(0), none: undefined };
    await Promise.all(Array.from({ length: 20 }, (_, n) => append(`parallel-${n}`, odd)));
    const batch = Array.from({ length: 5 }, (_, n) => ({ actor: "me", action: "batch", subject: `batch-${n}` }));
    await test.db.tx((tx) => appendAudit(tx, batch));
    expect(must(await verifyAuditChain(test.db)).rows).toBe(25);
    const page = await listAudit(test.db, { page: 1, pageSize: 3, sortOrder: "desc", search: "BATCH" });
    expect(page).toMatchObject({
      total: 5,
      rows: [{ subject: "batch-4" }, { subject: "batch-3" }, { subject: "batch-2" }],
    });
  });

  it("is not written when the change itself is undone", async () => {
    await expect(
      test.db.tx(async (tx) => {
        await appendAudit(tx, { actor: "me", action: "test", subject: "undone" });
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect(must(await verifyAuditChain(test.db)).rows).toBe(25);
  });

  it("takes no change and no deletion", async () => {
    await expect(test.db.query("UPDATE audit_log SET actor = 'you'")).rejects.toThrow(/append-only/);
    await expect(test.db.query("DELETE FROM audit_log")).rejects.toThrow(/append-only/);
  });

  it("shows where somebody changed or removed a row behind its back", async () => {
    await tamper("UPDATE audit_log SET data = '{\"forged\": true}' WHERE seq = 7");
    expect(await verifyAuditChain(test.db)).toMatchObject({ ok: false, error: { seq: 7, message: /changed/ } });
    await tamper("DELETE FROM audit_log WHERE seq = 7");
    expect(await verifyAuditChain(test.db)).toMatchObject({
      ok: false,
      error: { seq: 8, message: /row 7 is missing/ },
    });
  });
});
