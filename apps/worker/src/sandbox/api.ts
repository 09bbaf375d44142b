import { type ApiClient, ApiError, artifactStoredSchema, makeApiClient, routes, urlOf } from "@valet/contracts";
import { type Result, type Secret, err, ok } from "@valet/shared";
import { Agent, fetch as pooledFetch } from "undici";
import { withDeadline } from "../deadline.ts";
import { type ApiFailure, apiFailure } from "./outcome.ts";

/** The API as this sandbox sees it. Every call has a deadline; what fails comes back as a value. */
export interface Api {
  call<T>(
    work: (client: ApiClient, signal: AbortSignal) => Promise<T>,
    timeoutMs?: number,
  ): Promise<Result<T, ApiFailure>>;
  putArtifact(artifact: ArtifactUpload): Promise<Result<{ id: string }, ApiFailure>>;
  close(): Promise<void>;
}
export interface ArtifactUpload {
  sessionId: string;
  taskId: string;
  fence: number;
  name: string;
  contentType: string;
  bytes: Uint8Array;
}

const defaultTimeoutMs = 10_000;

export function makeApi(baseUrl: string, token: Secret, signal: AbortSignal): Api {
  // Idle connections are kept: an acknowledgement must not pay for a handshake.
  const dispatcher = new Agent({ keepAliveTimeout: 60_000, keepAliveMaxTimeout: 120_000 });
  // undici's fetch and the built-in one are the same function with two sets of type declarations.
  const send = ((url: string, init: Parameters<typeof pooledFetch>[1]) =>
    pooledFetch(url, { ...init, dispatcher })) as unknown as typeof fetch;
  const client = makeApiClient({ baseUrl, token: token.reveal(), fetch: send });

  const attempt = async <T>(work: (s: AbortSignal) => Promise<T>, timeoutMs: number) => {
    try {
      return ok(await withDeadline(timeoutMs, signal, work));
    } catch (error) {
      return err(apiFailure(error));
    }
  };
  return {
    call: (work, timeoutMs = defaultTimeoutMs) => attempt((s) => work(client, s), timeoutMs),
    putArtifact: ({ sessionId, taskId, fence, name, contentType, bytes }) =>
      attempt(async (s) => {
        const path = urlOf(routes.putArtifact, { params: { id: sessionId, taskId, fence, name } });
        const response = await send(baseUrl + path, {
          method: "PUT",
          headers: { authorization: `Bearer ${token.reveal()}`, "content-type": contentType },
          body: bytes as unknown as BodyInit,
          signal: s,
        });
        const text = await response.text();
        if (response.ok) return artifactStoredSchema.parse(JSON.parse(text));
        throw new ApiError(response.status, errorCodeOf(text), text.slice(0, 300), null);
      }, 60_000),
    close: () => dispatcher.destroy(),
  };
}

function errorCodeOf(text: string): string {
  return /"error"\s*:\s*"([a-z_]+)"/.exec(text)?.[1] ?? "http_error";
}
