import { makeApiClient, type ApiClient } from "@valet/contracts";
import type { SessionToken } from "./session-token.ts";

export interface ApiOptions {
  baseUrl: string;
  token: SessionToken;
  fetch?: typeof fetch;
  /** No answer in this time is a failure, in ms. */
  timeoutMs?: number;
}

/** The contracts' client with what a browser adds: the tab's token, and a deadline on every call. */
export function makeApi({ baseUrl, token, fetch: send = globalThis.fetch, timeoutMs = 20_000 }: ApiOptions): ApiClient {
  return makeApiClient({
    baseUrl,
    fetch: (input, init) => {
      const headers = new Headers(init?.headers);
      const bearer = token.read();
      if (bearer !== null) headers.set("authorization", `Bearer ${bearer}`);
      const isStream = headers.get("accept") === "text/event-stream";
      const signals = [init?.signal, isStream ? undefined : AbortSignal.timeout(timeoutMs)].filter((s) => s != null);
      return send(input, { ...init, headers, signal: AbortSignal.any(signals) });
    },
  });
}
