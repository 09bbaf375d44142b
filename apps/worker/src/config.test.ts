import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { parseIdentity, readConfig } from "./config.ts";

const sandboxEnv = {
  VALET_API_URL: "http://127.0.0.1:3000/",
  VALET_SANDBOX_ID: "5f2f1a52-6f0a-4b8e-9a2b-3f6f6b1f7d01",
  VALET_SANDBOX_TOKEN: "token-of-sandbox",
  GH_SERVICE_SECRET: "service-secret",
};

describe("readConfig", () => {
  it("is a control worker where no identity file is present", () => {
    const config = readConfig({
      VALET_IDENTITY_FILE: "/nowhere/identity.env",
      DATABASE_URL: "postgres://x",
      VALET_SEAL_KEY: "a2V5",
    });
    expect(config).toMatchObject({ role: "control", VALET_LEASE_MS: 300_000 });
  });

  it("is a sandbox worker where the identity file is present, and the environment goes above the file", () => {
    const file = join(mkdtempSync(join(tmpdir(), "identity-")), "identity.env");
    writeFileSync(
      file,
      Object.entries(sandboxEnv)
        .map(([key, value]) => `${key}="${value}"`)
        .join("\n"),
    );
    const config = readConfig({ VALET_IDENTITY_FILE: file, VALET_API_URL: "https://valet.example" });
    expect(config).toMatchObject({
      role: "sandbox",
      VALET_API_URL: "https://valet.example",
      VALET_SANDBOX_ID: sandboxEnv.VALET_SANDBOX_ID,
    });
  });

  it("names every wrong variable and never prints a secret", () => {
    const read = () =>
      readConfig({ ...sandboxEnv, VALET_WORKER_ROLE: "sandbox", VALET_API_URL: "nonsense", VALET_SANDBOX_ID: "x" });
    expect(read).toThrow(/VALET_API_URL.*VALET_SANDBOX_ID/);
    expect(read).not.toThrow(/token-of-sandbox/);
    const config = readConfig({ ...sandboxEnv, VALET_WORKER_ROLE: "sandbox" });
    expect(inspect(config) + JSON.stringify(config)).not.toMatch(/token-of-sandbox|service-secret/);
  });
});

describe("parseIdentity", () => {
  it("skips comments and takes one pair of quotes off", () => {
    expect(parseIdentity("# who we are\nA=1\n\nB='two words'\nC=a=b\n")).toEqual({ A: "1", B: "two words", C: "a=b" });
  });
});
