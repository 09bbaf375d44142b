import { ApiError } from "@valet/contracts";
import { ZodError } from "zod";

/** What a failed call tells the reader: why, in words they can act on. */
export function failureWords(error: unknown): string {
  if (error instanceof ApiError) {
    const fields = error.details?.map((detail) => `${detail.field}: ${detail.message}`).join("; ");
    const request = error.requestId === null ? "" : ` (request ${error.requestId})`;
    return `${error.message}${fields ? `: ${fields}` : ""}${request}`;
  }
  if (error instanceof ZodError) {
    const issue = error.issues[0];
    return `The API answered with something this dashboard does not understand at ${issue?.path.join(".") || "the top"}: ${issue?.message ?? "unknown"}. Reload: a newer dashboard may be there.`;
  }
  if (error instanceof DOMException && error.name === "TimeoutError") return "The API did not answer in time.";
  if (error instanceof TypeError) return "The API cannot be reached from this browser. Check the network.";
  return error instanceof Error ? error.message : String(error);
}

export function isSignedOut(error: unknown): boolean {
  return error instanceof ApiError && error.httpStatus === 401;
}

/** A refusal stays a refusal; only what may pass (network, 429, 5xx) is worth a second try. */
export function isWorthRetrying(error: unknown): boolean {
  if (error instanceof ApiError) return error.httpStatus === 429 || error.httpStatus >= 500;
  return !(error instanceof ZodError);
}
