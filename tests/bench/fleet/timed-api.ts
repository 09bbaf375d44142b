import { makeApiClient } from "@valet/contracts";
import { err, ok } from "@valet/shared";
import { type Dispatcher, request } from "undici";
import { withDeadline } from "../../../apps/worker/src/deadline.ts";
import type { Api } from "../../../apps/worker/src/sandbox/api.ts";
import { apiFailure, textOf } from "../../../apps/worker/src/sandbox/outcome.ts";

export interface Timings {
  /** One call that was answered with a 2xx. */
  onCall: (kind: string, ms: number) => void;
  onFailure: (kind: string, reason: string) => void;
}

/** The sandbox worker's API, each call timed. Over `request`: two thousand hosts in one process have no time for `fetch`. */
export function makeTimedApi(
  to: { apiUrl: string; token: string; dispatcher: Dispatcher; signal: AbortSignal },
  timings: Timings,
): Api {
  const send = async (
    url: string,
    init: { method?: string; headers?: unknown; body?: string; signal?: AbortSignal },
  ) => {
    const kind = kindOf(url);
    const startedAt = performance.now();
    try {
      const answer = await request(url, {
        ...{ method: init.method === "GET" ? "GET" : "POST", dispatcher: to.dispatcher },
        headers: init.headers as Record<string, string>,
        ...(init.body === undefined ? {} : { body: init.body }),
        ...(init.signal ? { signal: init.signal } : {}),
      });
      const text = await answer.body.text();
      const isOk = answer.statusCode < 300;
      if (isOk) timings.onCall(kind, performance.now() - startedAt);
      else timings.onFailure(kind, String(answer.statusCode));
      return {
        ...{ ok: isOk, status: answer.statusCode, headers: new Headers() },
        ...{ text: async () => text, json: async () => JSON.parse(text) as unknown },
      };
    } catch (error) {
      if (!to.signal.aborted) timings.onFailure(kind, textOf(error).replace(/:\d+| within \d+ ms/g, ""));
      throw error;
    }
  };
  const client = makeApiClient({ baseUrl: to.apiUrl, token: to.token, fetch: send as unknown as typeof fetch });
  return {
    async call(work, timeoutMs = 10_000) {
      try {
        return ok(await withDeadline(timeoutMs, to.signal, (s) => work(client, s)));
      } catch (error) {
        return err(apiFailure(error));
      }
    },
    putArtifact: async () => err({ kind: "refused", message: "a simulated host has no artifacts" }),
    close: async () => undefined,
  };
}

/** The last part of the path: `heartbeat`, `events`; `session` for an opening. */
function kindOf(url: string): string {
  const path = url.split("?")[0] ?? "";
  return path.slice(path.lastIndexOf("/") + 1);
}
