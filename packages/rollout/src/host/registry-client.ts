import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { type ReleaseManifest, releaseManifestSchema, sha256 } from "@valet/contracts/node";
import { deadlineSignal, err, ok, type Result } from "@valet/shared";
import { errorCode } from "./durable-file.ts";

export interface PullError {
  kind:
    | "unreachable"
    | "unknown_reference"
    | "refused"
    | "digest_mismatch"
    | "bad_manifest"
    | "disk_full"
    | "read_only"
    | "disk";
  message: string;
}

export interface RegistryClient {
  /** The digest a tag points at right now: the hash of the manifest's bytes, never what a header claims. */
  resolveTag(tag: string, signal: AbortSignal): Promise<Result<string, PullError>>;
  fetchManifest(
    digest: string,
    signal: AbortSignal,
  ): Promise<Result<{ bytes: Buffer; manifest: ReleaseManifest }, PullError>>;
  /** Whether the registry shows the manifest and, by HEAD, each of its blobs in full length. Downloads none of them. */
  canFetch(digest: string, signal: AbortSignal): Promise<Result<void, PullError>>;
  /** Writes a blob to `path`, hashing every byte on its way; the file is not to be trusted unless this answers ok. */
  fetchBlob(digest: string, size: number, path: string, signal: AbortSignal): Promise<Result<void, PullError>>;
}

export interface RegistryOptions {
  url: string;
  repository: string;
  /** For one answer's head and for each pause between two pieces of a body. */
  timeoutMs?: number;
}

/** The pull half of the OCI distribution API: manifests by tag and digest, blobs by digest. */
export function makeRegistryClient({ url, repository, timeoutMs = 30_000 }: RegistryOptions): RegistryClient {
  async function get(
    kind: "manifests" | "blobs",
    reference: string,
    signal: AbortSignal,
    method: "GET" | "HEAD" = "GET",
  ): Promise<Result<Response, PullError>> {
    // A blob's body takes as long as it takes, while bytes keep coming; all else is short.
    const isLong = kind === "blobs" && method === "GET";
    const head = isLong ? headDeadline(timeoutMs, signal) : undefined;
    const address = `${url.replace(/\/$/, "")}/v2/${repository}/${kind}/${encodeURIComponent(reference)}`;
    try {
      const response = await fetch(address, {
        method,
        headers: { accept: "application/vnd.oci.image.manifest.v1+json, */*;q=0.1" },
        signal: head?.signal ?? deadlineSignal(timeoutMs, signal),
      });
      head?.met();
      if (response.status === 404) {
        return failed(
          "unknown_reference",
          `the registry ${url} has no ${repository} ${reference}: check the tag, or push the release`,
        );
      }
      if (!response.ok)
        return failed("refused", `the registry answered ${response.status} for ${repository} ${reference}`);
      return ok(response);
    } catch (error) {
      return failed(
        "unreachable",
        `the registry ${url} did not answer (${reasonOf(error)}): check that it runs and is reachable`,
      );
    }
  }

  async function manifestBytes(reference: string, signal: AbortSignal): Promise<Result<Buffer, PullError>> {
    const response = await get("manifests", reference, signal);
    if (!response.ok) return response;
    try {
      return ok(Buffer.from(await response.value.arrayBuffer()));
    } catch (error) {
      return failed("unreachable", `the manifest of ${reference} broke off (${reasonOf(error)})`);
    }
  }

  async function fetchManifest(digest: string, signal: AbortSignal) {
    const bytes = await manifestBytes(digest, signal);
    if (!bytes.ok) return bytes;
    const actual = sha256(bytes.value);
    if (actual !== digest) return failed("digest_mismatch", `the registry sent ${actual} when asked for ${digest}`);
    const manifest = parseManifest(bytes.value);
    if (!manifest) return failed("bad_manifest", `${digest} is not a release manifest`);
    return ok({ bytes: bytes.value, manifest });
  }

  return {
    fetchManifest,
    async canFetch(digest, signal) {
      const found = await fetchManifest(digest, signal);
      if (!found.ok) return found;
      const { config, layers } = found.value.manifest;
      for (const blob of [config, ...layers]) {
        const head = await get("blobs", blob.digest, signal, "HEAD");
        if (!head.ok) return head;
        const length = head.value.headers.get("content-length");
        if (length !== null && Number(length) !== blob.size) {
          const message = `the registry has ${length} bytes of blob ${blob.digest}, its manifest names ${blob.size}`;
          return failed("digest_mismatch", message);
        }
      }
      return ok(undefined);
    },
    async resolveTag(tag, signal) {
      const bytes = await manifestBytes(tag, signal);
      return bytes.ok ? ok(sha256(bytes.value)) : bytes;
    },
    async fetchBlob(digest, size, path, signal) {
      const response = await get("blobs", digest, signal);
      if (!response.ok) return response;
      if (!response.value.body) return failed("unreachable", `blob ${digest} came without a body`);
      const hash = createHash("sha256");
      const meter = byteMeter(size, hash, timeoutMs);
      try {
        await pipeline(
          // The same object under two type libraries.
          Readable.fromWeb(response.value.body as ReadableStream),
          meter,
          createWriteStream(path),
          { signal },
        );
      } catch (error) {
        return diskError(error, path) ?? failed("unreachable", `blob ${digest} broke off (${reasonOf(error)})`);
      }
      const actual = `sha256:${hash.digest("hex")}`;
      return actual === digest
        ? ok(undefined)
        : failed("digest_mismatch", `the registry sent ${actual} when asked for blob ${digest}`);
    },
  };
}

/** Names what the disk refused, or undefined when the error is none of the disk's. */
export function diskError(error: unknown, path: string): Result<never, PullError> | undefined {
  const code = errorCode(error) ?? errorCode(error instanceof Error ? error.cause : undefined);
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return failed("disk_full", `the disk is full (${path}): free space or prune releases, then deploy again`);
    case "EROFS":
      return failed("read_only", `${path} is on a read-only file system: remount it writable, then deploy again`);
    case "EACCES":
    case "EPERM":
      return failed("read_only", `${path} may not be written: give the agent's user write access`);
    case "EIO":
    case "EMFILE":
      return failed("disk", `the disk failed on ${path} (${code})`);
    default:
      return undefined;
  }
}

/** Aborts with its parent, or after `ms` unless `met` is called first. */
function headDeadline(ms: number, parent: AbortSignal): { signal: AbortSignal; met(): void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new DOMException(`no answer within ${ms} ms`, "TimeoutError")), ms);
  const end = (): void => controller.abort(parent.reason);
  if (parent.aborted) end();
  else parent.addEventListener("abort", end, { once: true });
  return { signal: controller.signal, met: () => clearTimeout(timer) };
}

/**
 * Passes bytes on, hashing them; more bytes than announced is an error, so that nobody fills the disk, and so is a pause of `idleMs`
 * between two pieces.
 */
function byteMeter(size: number, hash: ReturnType<typeof createHash>, idleMs: number): Transform {
  let seen = 0;
  const idle = setTimeout(() => meter.destroy(new Error(`no byte came for ${idleMs} ms`)), idleMs);
  const meter = new Transform({
    flush(done) {
      clearTimeout(idle);
      done();
    },
    destroy(error, done) {
      clearTimeout(idle);
      done(error);
    },
    transform(chunk: Buffer, _encoding, done) {
      idle.refresh();
      seen += chunk.byteLength;
      hash.update(chunk);
      if (seen > size) done(new Error(`more than the ${size} bytes its manifest names`));
      else done(null, chunk);
    },
  });
  return meter;
}

function parseManifest(bytes: Buffer): ReleaseManifest | undefined {
  try {
    const parsed = releaseManifestSchema.safeParse(JSON.parse(bytes.toString("utf8")));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? (errorCode(error.cause) ?? error.cause.message) : error.message;
}

function failed(kind: PullError["kind"], message: string): { ok: false; error: PullError } {
  return err({ kind, message });
}
