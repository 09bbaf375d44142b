import { Secret } from "@valet/shared";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDatabase } from "./testing.ts";
import type { TestDatabase } from "./testing.ts";
import { createLoginLink, createToken, redeemLoginLink, revokeToken, tokenOwner } from "./tokens.ts";

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());

describe("API tokens", () => {
  it("name their owner until they are revoked, and only their hash is stored", async () => {
    const { owner, token } = await createToken(test.db, { tenantId: "test", role: "operator", name: "ci" });
    expect(await tokenOwner(test.db, token.reveal())).toEqual(owner);
    expect(await tokenOwner(test.db, `${token.reveal()}x`)).toBeUndefined();
    const { rows } = await test.db.query("SELECT * FROM api_tokens");
    expect(JSON.stringify(rows)).not.toContain(token.reveal());
    expect(await revokeToken(test.db, owner.id)).toBe(true);
    expect(await revokeToken(test.db, owner.id)).toBe(false);
    expect(await tokenOwner(test.db, token.reveal())).toBeUndefined();
  });

  it("may be given by the installation, again and again", async () => {
    const token = new Secret("valet_given_by_the_installation");
    const first = await createToken(test.db, { tenantId: "test", role: "admin", name: "root", token });
    const again = await createToken(test.db, { tenantId: "test", role: "viewer", name: "root", token });
    expect(again.owner).toEqual({ ...first.owner, role: "viewer" });
  });
});

describe("login links", () => {
  it("are good once, also for two at the same time", async () => {
    const { token } = await createLoginLink(test.db, { tenantId: "test", role: "admin", ttlMs: 60_000 });
    const answers = await Promise.all(Array.from({ length: 5 }, () => redeemLoginLink(test.db, token.reveal())));
    expect(answers.filter(Boolean)).toEqual([{ tenantId: "test", role: "admin" }]);
  });

  it("are no good once they are too old", async () => {
    const { token } = await createLoginLink(test.db, { tenantId: "test", role: "admin", ttlMs: -1 });
    expect(await redeemLoginLink(test.db, token.reveal())).toBeUndefined();
  });
});
