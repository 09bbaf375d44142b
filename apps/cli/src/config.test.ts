import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig, readEnvironment } from "./config.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "valet-config-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const load = (environment: Record<string, string>, apiUrl?: string, from = folder) =>
  loadConfig({ variables: readEnvironment(environment), folder: from, apiUrl });

function writeConnection(text: string, mode = 0o600): void {
  mkdirSync(join(folder, ".valet"), { recursive: true });
  const file = join(folder, ".valet", "connection.json");
  writeFileSync(file, text);
  chmodSync(file, mode);
}
const connection = JSON.stringify({ apiUrl: "http://127.0.0.1:4000", tokenFile: "token" });

describe("the environment", () => {
  it("names address and token", () => {
    const config = load({ VALET_API_URL: "https://valet.example/", VALET_API_TOKEN: "secret" });
    expect(config.apiUrl).toBe("https://valet.example");
    expect(config.token?.reveal()).toBe("secret");
    expect(JSON.stringify(config)).not.toContain("secret");
  });

  it("is overridden by --api-url", () => {
    const config = load({ VALET_API_URL: "https://one.example", VALET_API_TOKEN: "t" }, "https://two.example");
    expect(config.apiUrl).toBe("https://two.example");
  });

  it("counts an empty value as none", () => {
    expect(() => load({ VALET_API_URL: "", VALET_API_TOKEN: "" })).toThrow("No VALET API is named");
  });

  it("is refused with the variable's name when it is no address", () => {
    expect(() => load({ VALET_API_URL: "valet.example" })).toThrow("VALET_API_URL must be an http:// or https://");
  });

  it("never sends a token without encryption beyond this machine", () => {
    expect(() => load({ VALET_API_URL: "http://10.0.0.1:3000", VALET_API_TOKEN: "t" })).toThrow("without encryption");
    expect(() => load({ VALET_API_URL: "http://127.evil.example", VALET_API_TOKEN: "t" })).toThrow(
      "without encryption",
    );
    for (const host of ["localhost", "127.0.0.11", "[::1]"]) {
      expect(load({ VALET_API_URL: `http://${host}:3000`, VALET_API_TOKEN: "t" }).token?.reveal()).toBe("t");
    }
  });
});

describe("the connection file", () => {
  it("is found in this folder and above, its token beside it", () => {
    writeConnection(connection);
    writeFileSync(join(folder, ".valet", "token"), "from-file\n");
    const deep = join(folder, "a", "b");
    mkdirSync(deep, { recursive: true });
    const config = load({}, undefined, deep);
    expect(config.apiUrl).toBe("http://127.0.0.1:4000");
    expect(config.token?.reveal()).toBe("from-file");
  });

  it("gives its token to its own address only", () => {
    writeConnection(connection);
    writeFileSync(join(folder, ".valet", "token"), "from-file\n");
    expect(load({}, "http://127.0.0.1:4000/").token?.reveal()).toBe("from-file");
    expect(load({}, "http://127.0.0.1:4001").token).toBeUndefined();
    expect(load({ VALET_API_URL: "https://valet.example" }).token).toBeUndefined();
  });

  it.each([
    ["not JSON", "{", "it is not JSON"],
    ["a missing field", '{"apiUrl":"http://127.0.0.1:1"}', "tokenFile"],
    ["a wrong address", '{"apiUrl":"ftp://x","tokenFile":"t"}', "apiUrl: must be an http"],
  ])("with %s is refused in one sentence", (_what, text, message) => {
    writeConnection(text);
    expect(() => load({})).toThrow(message);
  });

  it("that others may write is not believed", () => {
    writeConnection(connection, 0o666);
    expect(() => load({})).toThrow("other users may write to it");
  });

  it("whose token file is gone says so", () => {
    writeConnection(connection);
    expect(() => load({})).toThrow("Could not read the token file");
  });
});
