import { randomBytes } from "node:crypto";
import { Secret } from "@valet/shared";
import { expect, test } from "vitest";
import { openSealed, seal } from "./seal.ts";

const key = new Secret(randomBytes(32).toString("base64"));

test("a sealed value opens for its own sandbox only", () => {
  const sealed = seal(key, "sandbox-a", "the agent key");
  expect(sealed).not.toContain("agent key");
  expect(openSealed(key, "sandbox-a", sealed)).toEqual({ ok: true, value: "the agent key" });
  expect(openSealed(key, "sandbox-b", sealed).ok).toBe(false);
});

test("another key, a changed byte or a foreign format is an error, not an exception", () => {
  const sealed = seal(key, "a", "x");
  expect(openSealed(new Secret(randomBytes(32).toString("base64")), "a", sealed).ok).toBe(false);
  const [v, iv, tag] = sealed.split(".");
  expect(openSealed(key, "a", [v, iv, tag, "AAAA"].join(".")).ok).toBe(false);
  for (const bad of ["", "v2.a.b.c", "v1.a.b", `v1.${iv}.AA.AA`]) expect(openSealed(key, "a", bad).ok).toBe(false);
});

test("a seal key of the wrong length says so", () => {
  expect(() => seal(new Secret("c2hvcnQ="), "a", "x")).toThrow("VALET_SEAL_KEY must be base64 of 32 bytes, it has 5");
});
