import { type ErrorCode, UserError, errorStatus } from "@valet/shared";
import type { z } from "zod";
import { errorEnvelopeSchema } from "./common.ts";
import { type RouteName, type Routes, routes } from "./routes.ts";
import type { Route } from "./route.ts";

type Part<R, K extends string> = R extends { readonly [P in K]: infer S extends z.ZodType }
  ? Record<never, never> extends z.input<S>
    ? { [P in K]?: z.input<S> }
    : { [P in K]: z.input<S> }
  : unknown;
/** `params`, `query` and `body` as the route wants them, and what any request may carry. */
export type CallInput<R> = Part<R, "params"> &
  Part<R, "query"> &
  Part<R, "body"> & { headers?: Record<string, string>; signal?: AbortSignal };
export type CallOutput<R> = R extends { readonly response: infer S extends z.ZodType } ? z.output<S> : Response;
type Call<R> =
  Record<never, never> extends CallInput<R>
    ? (input?: CallInput<R>) => Promise<CallOutput<R>>
    : (input: CallInput<R>) => Promise<CallOutput<R>>;
export type ApiClient = { [K in RouteName]: Call<Routes[K]> };

export interface ApiClientOptions {
  /** `https://host:port`, or "" in a browser on the same origin. */
  baseUrl: string;
  /** API token or session; absent in a browser, where the cookie goes along. */
  token?: string;
  fetch?: typeof fetch;
}

interface AnyInput {
  params?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/**
 * One function a route: `client.getTask({ params: { id } })`. Answers the route's parsed response, or the raw `Response` of a
 * route without a schema. A refusal throws `ApiError`; an unreachable API throws what fetch throws.
 */
export function makeApiClient({ baseUrl, token, fetch: send = globalThis.fetch }: ApiClientOptions): ApiClient {
  const call = async (route: Route, input: AnyInput = {}): Promise<unknown> => {
    const headers: Record<string, string> = { ...input.headers };
    if (token) headers.authorization = `Bearer ${token}`;
    if (route.body) headers["content-type"] ??= "application/json";
    const response = await send(baseUrl + urlOf(route, input), {
      method: route.method,
      headers,
      credentials: "same-origin",
      ...(route.body ? { body: JSON.stringify(input.body ?? {}) } : {}),
      ...(input.signal ? { signal: input.signal } : {}),
    });
    if (!response.ok) throw await refusal(response);
    return route.response ? route.response.parse(await response.json()) : response;
  };
  const entries = Object.entries(routes).map(([name, route]) => [name, (input?: AnyInput) => call(route, input)]);
  return Object.fromEntries(entries) as ApiClient;
}

/** The API refused. `code` is the envelope's; `http_error` when something else (a proxy) answered. */
export class ApiError extends UserError {
  constructor(
    readonly httpStatus: number,
    readonly apiCode: string,
    message: string,
    readonly requestId: string | null,
    details?: UserError["details"],
    retryAfterSeconds?: number,
  ) {
    super(apiCode in errorStatus ? (apiCode as ErrorCode) : "bad_request", message, details, retryAfterSeconds);
  }
}

/** Path and query of a call; also what the CLI's stream commands use. */
export function urlOf(route: Route, input: Pick<AnyInput, "params" | "query">): string {
  const path = route.path.replace(/:([A-Za-z]+)/g, (_, name: string) =>
    encodeURIComponent(String(input.params?.[name])),
  );
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(input.query ?? {}))
    if (value !== undefined && value !== null) query.set(key, String(value));
  return query.size > 0 ? `${path}?${query}` : path;
}

async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text();
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  const parsed = errorEnvelopeSchema.safeParse(jsonOf(text));
  const seconds = Number.isFinite(retryAfter) ? retryAfter : undefined;
  if (!parsed.success)
    return new ApiError(
      response.status,
      "http_error",
      text.slice(0, 300) || `HTTP ${response.status}`,
      null,
      undefined,
      seconds,
    );
  const { error, message, requestId, details } = parsed.data;
  return new ApiError(response.status, error, message, requestId, details, seconds);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}
