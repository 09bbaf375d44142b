import { createReadStream, existsSync } from "node:fs";
import { copyFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { sha256 } from "@valet/contracts/node";
import type { BuiltRelease } from "./build-release.ts";

export interface RegistryOptions {
  host?: string;
  /** 0 takes a free one. */
  port?: number;
  /** Blobs, manifests and tags; survives restarts. */
  dir: string;
  repository?: string;
}

export interface LocalRegistry {
  url: string;
  port: number;
  /** Files a built release and points `tag` at it. */
  putRelease(release: BuiltRelease, tag: string): Promise<void>;
  /** Points a tag at another release that is filed already. */
  moveTag(tag: string, digest: string): Promise<void>;
  /** Paths that were asked for, oldest first. */
  requests: string[];
  close(): Promise<void>;
}

/** A registry that answers the pull half of the OCI distribution API from a folder. */
export async function startRegistry(options: RegistryOptions): Promise<LocalRegistry> {
  const { dir, host = "127.0.0.1", repository = "ghosthands" } = options;
  for (const folder of ["blobs", "manifests", "tags"]) await mkdir(join(dir, folder), { recursive: true });
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://registry").pathname);
    requests.push(path);
    if (requests.length > 1000) requests.shift();
    answer(path, request.method === "HEAD", response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(error instanceof Error ? error.message : "failed");
    });
  });

  async function answer(path: string, headOnly: boolean, response: ServerResponse): Promise<void> {
    if (path === "/v2/" || path === "/v2") return send(response, 200, "application/json", Buffer.from("{}"), headOnly);
    const match = new RegExp(`^/v2/${repository}/(manifests|blobs)/([A-Za-z0-9._:/-]{1,200})$`).exec(path);
    const [, kind, reference = ""] = match ?? [];
    if (kind === "manifests") return sendManifest(reference, headOnly, response);
    const file =
      kind === "blobs" && /^sha256:[0-9a-f]{64}$/.test(reference) ? join(dir, "blobs", reference.slice(7)) : "";
    if (file === "" || !existsSync(file)) return notFound(response, "BLOB_UNKNOWN", reference);
    response.writeHead(200, { "content-type": "application/octet-stream", "docker-content-digest": reference });
    if (headOnly) return void response.end();
    createReadStream(file).pipe(response);
  }

  async function sendManifest(reference: string, headOnly: boolean, response: ServerResponse): Promise<void> {
    const digest = reference.startsWith("sha256:") ? reference : await readTag(reference);
    const file = digest && /^sha256:[0-9a-f]{64}$/.test(digest) ? join(dir, "manifests", digest.slice(7)) : "";
    if (!digest || file === "" || !existsSync(file)) return notFound(response, "MANIFEST_UNKNOWN", reference);
    const bytes = await readFile(file);
    response.setHeader("docker-content-digest", digest);
    send(response, 200, "application/vnd.oci.image.manifest.v1+json", bytes, headOnly);
  }

  const tagFile = (tag: string) => join(dir, "tags", encodeURIComponent(tag));
  async function readTag(tag: string): Promise<string | undefined> {
    return existsSync(tagFile(tag)) ? (await readFile(tagFile(tag), "utf8")).trim() : undefined;
  }
  async function moveTag(tag: string, digest: string): Promise<void> {
    if (!existsSync(join(dir, "manifests", digest.slice(7)))) throw new Error(`no release ${digest} is filed here`);
    await writeFile(`${tagFile(tag)}.new`, `${digest}\n`);
    await rename(`${tagFile(tag)}.new`, tagFile(tag));
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port: options.port ?? 0 }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    port,
    requests,
    moveTag,
    async putRelease(release, tag) {
      for (const blob of release.blobs) await copyFile(blob.path, join(dir, "blobs", blob.digest.slice(7)));
      const bytes = await readFile(release.manifestPath);
      if (sha256(bytes) !== release.digest) throw new Error(`${release.manifestPath} changed after it was built`);
      await writeFile(join(dir, "manifests", release.digest.slice(7)), bytes);
      await moveTag(tag, release.digest);
    },
    close: () =>
      new Promise((resolve, reject) => {
        // A test may have taken it down before.
        if (!server.listening) return resolve();
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, status: number, type: string, bytes: Buffer, headOnly: boolean): void {
  response.writeHead(status, { "content-type": type, "content-length": bytes.byteLength });
  response.end(headOnly ? undefined : bytes);
}

function notFound(response: ServerResponse, code: string, what: string): void {
  send(
    response,
    404,
    "application/json",
    Buffer.from(JSON.stringify({ errors: [{ code, message: `unknown: ${what}` }] })),
    false,
  );
}
