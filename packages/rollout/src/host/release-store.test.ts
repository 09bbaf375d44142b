import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "tar";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BuiltRelease } from "../../../../tools/artefacts/build-release.ts";
import { buildFixtureRelease } from "../../../../tools/artefacts/fixture-release/build.ts";
import { type LocalRegistry, startRegistry } from "../../../../tools/artefacts/registry.ts";
import { diskError, makeRegistryClient } from "./registry-client.ts";
import { makeReleaseStore, unpack } from "./release-store.ts";

const scratch = mkdtempSync(join(tmpdir(), "release-store-"));
const signal = AbortSignal.timeout(60_000);
let registry: LocalRegistry;
let release: BuiltRelease;
const folder = () => mkdtempSync(join(scratch, "store-"));
const storeIn = (dir: string, url = registry.url) =>
  makeReleaseStore(dir, makeRegistryClient({ url, repository: "ghosthands", timeoutMs: 2000 }));

beforeAll(async () => {
  registry = await startRegistry({ dir: join(scratch, "registry") });
  release = await buildFixtureRelease("v1", [], join(scratch, "v1"));
  await registry.putRelease(release, "v1");
});
afterAll(async () => {
  await registry.close();
  rmSync(scratch, { recursive: true, force: true });
});

describe("the release store", () => {
  it("installs what a tag points at, and finds it sound", async () => {
    const client = makeRegistryClient({ url: registry.url, repository: "ghosthands" });
    expect(await client.resolveTag("v1", signal)).toEqual({ ok: true, value: release.digest });
    const store = storeIn(folder());
    expect(await store.install(release.digest, signal)).toEqual({ ok: true, value: undefined });
    expect(await store.verifyInstalled(release.digest)).toMatchObject({ ok: true, value: { version: "v1" } });
    expect(store.installed()).toEqual([release.digest]);
  });

  it("one flipped byte, one extra file and one missing file each fail verification, and installing again mends it", async () => {
    const store = storeIn(folder());
    await store.install(release.digest, signal);
    const program = join(store.rootOf(release.digest), "worker.js");
    const bytes = readFileSync(program);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    writeFileSync(program, bytes);
    expect(await store.verifyInstalled(release.digest)).toMatchObject({ ok: false, error: { kind: "corrupt" } });
    expect(await store.install(release.digest, signal)).toMatchObject({ ok: true });
    expect(await store.verifyInstalled(release.digest)).toMatchObject({ ok: true });
    writeFileSync(join(store.rootOf(release.digest), "more.js"), "");
    expect(await store.verifyInstalled(release.digest)).toMatchObject({ ok: false });
    rmSync(join(store.rootOf(release.digest), "more.js"));
    rmSync(join(store.rootOf(release.digest), "api.js"));
    expect(await store.verifyInstalled(release.digest)).toMatchObject({ ok: false });
  });

  it("bytes that were changed on their way are refused, and nothing is left behind", async () => {
    const dir = folder();
    const liar = createServer((request, response) => {
      void fetch(registry.url + (request.url ?? "")).then(async (answer) => {
        const body = Buffer.from(await answer.arrayBuffer());
        if (request.url?.includes("/blobs/") && body.length > 10_000) body[5000] = (body[5000] ?? 0) ^ 1;
        response.writeHead(answer.status).end(body);
      });
    });
    await new Promise<void>((resolve) => liar.listen(0, "127.0.0.1", resolve));
    const { port } = liar.address() as AddressInfo;
    expect(await storeIn(dir, `http://127.0.0.1:${port}`).install(release.digest, signal)).toMatchObject({
      ok: false,
      error: { kind: "digest_mismatch" },
    });
    expect(readdirSync(dir)).toEqual([]);
    liar.close();
  });

  it("a link in a layer fails the installation, which ends, and nobody is crashed", async () => {
    const source = mkdtempSync(join(scratch, "links-"));
    writeFileSync(join(source, "api.js"), "");
    symlinkSync("/etc/passwd", join(source, "worker.js"));
    const layer = join(scratch, "links.tar.gz");
    await create({ gzip: true, file: layer, cwd: source }, ["api.js", "worker.js"]);
    const into = mkdtempSync(join(scratch, "unpacked-"));
    await expect(unpack(layer, into)).rejects.toThrow("worker.js is a SymbolicLink: a release holds plain files only");
    expect(readdirSync(into)).toEqual(["api.js"]);
  });

  it("a blob may take longer than an answer, while its bytes keep coming; one that stalls breaks off", async () => {
    const bytes = Buffer.alloc(8, "x");
    const slow = createServer((request, response) => {
      const isStalling = request.url?.includes("stall") === true;
      response.writeHead(200, { "content-length": String(bytes.length) });
      const send = (at: number): void => {
        if (at === bytes.length) return void response.end();
        response.write(bytes.subarray(at, at + 1));
        if (!isStalling || at < 2) setTimeout(() => send(at + 1), 100);
      };
      send(0);
    });
    await new Promise<void>((resolve) => slow.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    const client = makeRegistryClient({ url, repository: "ghosthands", timeoutMs: 400 });
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    expect(await client.fetchBlob(digest, bytes.length, join(scratch, "slow"), signal)).toEqual({
      ok: true,
      value: undefined,
    });
    const stalled = await client.fetchBlob("sha256:stall", bytes.length, join(scratch, "stalled"), signal);
    expect(stalled).toMatchObject({ ok: false, error: { kind: "unreachable" } });
    expect(!stalled.ok && stalled.error.message).toContain("no byte came for 400 ms");
    slow.closeAllConnections();
    slow.close();
  });

  it("an unknown tag and a registry that is down say so", async () => {
    const client = makeRegistryClient({ url: registry.url, repository: "ghosthands" });
    expect(await client.resolveTag("absent", signal)).toMatchObject({
      ok: false,
      error: { kind: "unknown_reference" },
    });
    const down = storeIn(folder(), "http://127.0.0.1:9");
    expect(await down.install(release.digest, signal)).toMatchObject({ ok: false, error: { kind: "unreachable" } });
  });

  it("a full and a read-only disk are named", () => {
    const failure = (code: string) => diskError(Object.assign(new Error(code), { code }), "/data");
    expect(failure("ENOSPC")).toMatchObject({ error: { kind: "disk_full" } });
    expect(failure("EROFS")).toMatchObject({ error: { kind: "read_only" } });
    expect(failure("ENOENT")).toBeUndefined();
  });

  it("a full disk stops an installation with its name, on a real file system", async () => {
    const registryOf = makeRegistryClient({ url: registry.url, repository: "ghosthands" });
    const manifest = await registryOf.fetchManifest(release.digest, signal);
    const layer = manifest.ok ? manifest.value.manifest.layers[0] : undefined;
    expect(await registryOf.fetchBlob(layer?.digest ?? "", layer?.size ?? 0, "/dev/full", signal)).toMatchObject({
      ok: false,
      error: { kind: "disk_full" },
    });
  });

  it("pruning keeps what it is told to keep", async () => {
    const store = storeIn(folder());
    const other = await buildFixtureRelease("v2", [], join(scratch, "v2"));
    await registry.putRelease(other, "v2");
    await store.install(release.digest, signal);
    await store.install(other.digest, signal);
    expect(await store.prune(() => new Set([other.digest]))).toEqual({ ok: true, value: [release.digest] });
    expect(store.installed()).toEqual([other.digest]);
  });

  it("F54: a prune that fails says what cannot be deleted and why", async () => {
    const dir = folder();
    await storeIn(dir).install(release.digest, signal);
    const client = makeRegistryClient({ url: registry.url, repository: "ghosthands" });
    const stuck = makeReleaseStore(dir, client, () =>
      Promise.reject(Object.assign(new Error("EROFS"), { code: "EROFS" })),
    );
    const pruned = await stuck.prune(() => new Set());
    expect(pruned).toMatchObject({ ok: false, error: { kind: "disk" } });
    expect(!pruned.ok && pruned.error.message).toMatch(/cannot be deleted: .* is on a read-only file system/);
  });
});
