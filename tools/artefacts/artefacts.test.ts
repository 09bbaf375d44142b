import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { releaseConfigSchema, releaseManifestSchema, sha256 } from "@valet/contracts/node";
import { afterAll, describe, expect, it } from "vitest";
import { buildFixtureRelease, cannotBoot, cannotStartItsBrowser } from "./fixture-release/build.ts";
import { startRegistry } from "./registry.ts";

const scratch = mkdtempSync(join(tmpdir(), "artefacts-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const build = (version: string, patch?: Parameters<typeof buildFixtureRelease>[1]) =>
  buildFixtureRelease(version, patch, mkdtempSync(join(scratch, "release-")));

describe("release artefacts", () => {
  it("the same inputs give the same digest, another version or source another one", async () => {
    const [first, again, next, patched] = await Promise.all([
      build("v1"),
      build("v1"),
      build("v2"),
      build("v1", cannotStartItsBrowser),
    ]);
    expect(again.digest).toBe(first.digest);
    expect(new Set([first.digest, next.digest, patched.digest]).size).toBe(3);
  });

  it("the manifest names config and layer by their hashes, the config every file", async () => {
    const release = await build("v1");
    const manifest = releaseManifestSchema.parse(JSON.parse(readFileSync(release.manifestPath, "utf8")));
    for (const { digest, path } of release.blobs) expect(sha256(readFileSync(path))).toBe(digest);
    const configPath = release.blobs.find(({ digest }) => digest === manifest.config.digest)?.path ?? "";
    const config = releaseConfigSchema.parse(JSON.parse(readFileSync(configPath, "utf8")));
    expect(config.files.map(({ path }) => path)).toEqual(["api.js", "package.json", "release.json", "worker.js"]);
  });

  it("a patch whose text is not there fails the build", async () => {
    const wrong = cannotBoot.map((patch) => ({ ...patch, replace: "no such text" }));
    await expect(build("v1", wrong)).rejects.toThrow("occurs 0 times");
  });
});

describe("the local registry", () => {
  it("answers tags and digests with the digest of the bytes, and follows a moved tag", async () => {
    const registry = await startRegistry({ dir: mkdtempSync(join(scratch, "registry-")) });
    const [one, two] = [await build("v1"), await build("v2")];
    await registry.putRelease(one, "stable");
    await registry.putRelease(two, "v2");
    const digestOf = async (reference: string) => {
      const response = await fetch(`${registry.url}/v2/ghosthands/manifests/${reference}`);
      expect(sha256(new Uint8Array(await response.arrayBuffer()))).toBe(response.headers.get("docker-content-digest"));
      return response.headers.get("docker-content-digest");
    };
    expect(await digestOf("stable")).toBe(one.digest);
    await registry.moveTag("stable", two.digest);
    expect(await digestOf("stable")).toBe(two.digest);
    expect(await digestOf(one.digest)).toBe(one.digest);
    expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
    expect((await fetch(`${registry.url}/v2/ghosthands/manifests/absent`)).status).toBe(404);
    expect((await fetch(`${registry.url}/v2/ghosthands/blobs/sha256:${"0".repeat(64)}`)).status).toBe(404);
    await registry.close();
  });
});
