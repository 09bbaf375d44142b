import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { err, ok, type Result } from "@valet/shared";
import { z } from "zod";
import { digestSchema } from "../common.ts";

/** A file of a release: path inside the root folder with `/`, hash of its bytes, permission bits. */
export const releaseFileSchema = z.object({
  path: z.string().regex(/^(?!\/)(?!.*(?:^|\/)\.\.?(?:\/|$))[^\\\0]+$/, "a relative path without . or .."),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  mode: z.number().int().min(0).max(0o777),
});
export type ReleaseFile = z.infer<typeof releaseFileSchema>;

/** Config blob of a release artefact; `root/release.json` is the same without the entry of itself. */
export const releaseConfigSchema = z.object({
  version: z.string().min(1).max(128),
  commit: z.string().max(64),
  wire: z.object({ min: z.number().int(), max: z.number().int() }),
  files: z.array(releaseFileSchema).min(1).max(100_000),
});
export type ReleaseConfig = z.infer<typeof releaseConfigSchema>;

const blobSchema = z.object({ mediaType: z.string(), digest: digestSchema, size: z.number().int().min(0) });
/** Manifest of a release artefact. The sha256 of its bytes is THE image digest. */
export const releaseManifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string(),
  config: blobSchema,
  layers: z.array(blobSchema).min(1).max(20),
});
export type ReleaseManifest = z.infer<typeof releaseManifestSchema>;

export interface Attested {
  /** `sha256:` and 64 hex digits: the digest of what really lies on this disk. */
  digest: string;
  config: ReleaseConfig;
}

export interface AttestError {
  kind: "manifest" | "config" | "missing_file" | "changed_file" | "extra_file";
  message: string;
}

/**
 * Proves what is installed: `rootDir` (GH_RELEASE_DIR) holds the files, `manifest.json` and `config.json` lie beside it. Every byte is
 * hashed and no extra file is allowed. Returns the digest, or the first thing that is wrong, naming the file.
 */
export async function attestRelease(rootDir: string): Promise<Result<Attested, AttestError>> {
  const home = dirname(join(rootDir, "."));
  const manifestBytes = await readIfThere(join(home, "manifest.json"));
  const manifest = parseJson(releaseManifestSchema, manifestBytes);
  if (!manifestBytes || !manifest)
    return failed("manifest", `${join(home, "manifest.json")} is missing or not a manifest`);
  const configBytes = await readIfThere(join(home, "config.json"));
  const config = parseJson(releaseConfigSchema, configBytes);
  if (!configBytes || !config || sha256(configBytes) !== manifest.config.digest) {
    return failed("config", `${join(home, "config.json")} is not the one its manifest names`);
  }
  const expected = new Map(config.files.map((file) => [file.path, file]));
  for (const path of await listFiles(rootDir)) {
    if (!expected.has(path)) return failed("extra_file", `${path} does not belong to the release`);
  }
  for (const file of config.files) {
    const actual = await hashFile(join(rootDir, file.path));
    if (actual === undefined) return failed("missing_file", `${file.path} is missing from the release`);
    if (actual !== file.sha256)
      return failed("changed_file", `${file.path} is not what the release contains: its bytes changed`);
  }
  return ok({ digest: sha256(manifestBytes), config });
}

/** `sha256:` and 64 hex digits. */
export function sha256(bytes: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Every file below `rootDir`, sorted, with `/`. Links and devices are listed too, so that they count as extra. */
export async function listFiles(rootDir: string): Promise<string[]> {
  const entries = await readdir(rootDir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(rootDir, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
}

async function hashFile(path: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(path), hash);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  return hash.digest("hex");
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

function parseJson<T>(schema: z.ZodType<T>, bytes: Buffer | undefined): T | undefined {
  if (!bytes) return undefined;
  try {
    const parsed = schema.safeParse(JSON.parse(bytes.toString("utf8")));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function failed(kind: AttestError["kind"], message: string): Result<Attested, AttestError> {
  return err({ kind, message });
}
