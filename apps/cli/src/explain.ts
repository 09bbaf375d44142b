import { ApiError } from "@valet/contracts";
import { ZodError } from "zod";
import { CliFailure, exitCodes } from "./failure.ts";

/** What went wrong and where, for the sentence: `Could not <doing>`. */
export interface Doing {
  /** Verb and object: `show deploy 3f2a`. */
  what: string;
  apiUrl: string;
  /** Command that lists what exists, for 404. */
  listCommand?: string;
}

/** Turns whatever a call threw into one line for people. A bug stays a bug and is rethrown. */
export function explain(error: unknown, doing: Doing): CliFailure {
  if (error instanceof CliFailure) return error;
  const could = `Could not ${doing.what}`;
  if (error instanceof ApiError) return refused(error, doing, could);
  if (error instanceof ZodError) {
    return new CliFailure(`${could}: the answer of ${doing.apiUrl} has an unknown shape (${shapeOf(error)})`, {
      code: "unexpected_answer",
      hint: "valet and the API are of different versions: compare valet --version with valet status.",
      cause: error,
    });
  }
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return new CliFailure(`${could}: ${doing.apiUrl} did not answer in time`, {
      code: "timeout",
      isPassing: true,
      hint: "Try again; look at the API's log if it stays so.",
      cause: error,
    });
  }
  if (error instanceof DOMException && error.name === "AbortError") {
    return new CliFailure(`Stopped: ${doing.what}`, { code: "interrupted", exitCode: exitCodes.interrupted });
  }
  const unreachable = unreachableReason(error);
  if (unreachable) {
    return new CliFailure(`${could}: ${doing.apiUrl} cannot be reached (${unreachable})`, {
      code: "connection",
      isPassing: true,
      hint: 'Is VALET running there? Start it with "npm start", or correct VALET_API_URL.',
      cause: error,
    });
  }
  throw error;
}

function refused(error: ApiError, doing: Doing, could: string): CliFailure {
  const isPassing = error.httpStatus === 429 || error.httpStatus >= 500;
  const options = { code: error.apiCode, details: error.details, isPassing, cause: error };
  const failure = (message: string, hint: string) => new CliFailure(`${could}: ${message}`, { ...options, hint });
  const said = error.message.replace(/\.$/, "");
  switch (error.httpStatus) {
    case 401:
      return failure(`the API at ${doing.apiUrl} does not accept the token`, "Set VALET_API_TOKEN to a valid token.");
    case 403:
      return failure(said, "Ask an admin for a token with the role this needs.");
    case 404:
      return failure(
        `not found at ${doing.apiUrl}`,
        doing.listCommand ? `List what exists: ${doing.listCommand}.` : "",
      );
    case 409:
      return failure(said, "Look at its present state and try again.");
    case 413:
      return failure("it is too large", "Send less at once.");
    case 422:
      return failure("the API does not accept these values", "Correct the fields below.");
    case 429:
      return failure("too many requests", `Try again in ${error.retryAfterSeconds ?? 60} s.`);
    case 502:
    case 503:
    case 504:
      return failure(`the API is not ready (${said})`, `Try again in ${error.retryAfterSeconds ?? 5} s.`);
    default:
      return failure(
        `${said} (HTTP ${error.httpStatus})`,
        error.requestId ? `Look for request ${error.requestId} in the API's log.` : "",
      );
  }
}

const networkReasons: Record<string, string> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the name could not be resolved",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ETIMEDOUT: "timed out",
  EPIPE: "connection closed",
  UND_ERR_CONNECT_TIMEOUT: "timed out",
  UND_ERR_HEADERS_TIMEOUT: "timed out",
  UND_ERR_SOCKET: "connection closed",
};

/** Why fetch could not reach the other side; null when the error is none of the network's. */
export function unreachableReason(error: unknown): string | null {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    const { code } = at as NodeJS.ErrnoException;
    if (code && networkReasons[code]) return networkReasons[code];
  }
  return error instanceof TypeError && error.message === "fetch failed" ? causeText(error) : null;
}

function causeText(error: TypeError): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function shapeOf(error: ZodError): string {
  const issue = error.issues[0];
  return issue ? `${issue.path.join(".") || "the body"}: ${issue.message}` : "unknown";
}
