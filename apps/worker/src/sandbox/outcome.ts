import { ApiError } from "@valet/contracts";

/** What a call that did not work means for the sandbox worker. */
export type ApiFailure =
  /** Another session took over, or ours is closed: open again. */
  | { kind: "replaced"; message: string }
  /** Somebody else owns that attempt now. */
  | { kind: "stale"; message: string }
  /** The API will never take this. */
  | { kind: "refused"; message: string }
  /** No answer, a 5xx or 429, or a token it does not take: try again later. */
  | { kind: "unreachable"; message: string };

export function apiFailure(error: unknown): ApiFailure {
  if (!(error instanceof ApiError)) return { kind: "unreachable", message: textOf(error) };
  const message = `${error.httpStatus} ${error.apiCode}: ${error.message}`;
  if (error.httpStatus === 409 && error.apiCode === "stale_fence") return { kind: "stale", message };
  if (error.httpStatus === 409 || (error.httpStatus === 404 && error.apiCode === "not_found"))
    return { kind: "replaced", message };
  if ([400, 413, 415, 422].includes(error.httpStatus)) return { kind: "refused", message };
  return { kind: "unreachable", message };
}

/** An error with its causes, in one line. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error.cause === undefined ? "" : `: ${textOf(error.cause)}`;
  return `${error.message || error.name}${inner}`;
}
