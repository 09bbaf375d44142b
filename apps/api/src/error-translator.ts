import { type FieldDetail, UserError } from "@valet/shared";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

/** Postgres is away, restarting, out of connections or out of time: worth trying again. */
const databaseAwayCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "ENOENT",
  "53300", // too many connections
  "55P03", // lock not available
  "57014", // statement timed out
  "57P01", // admin shutdown
  "57P02", // crash shutdown
  "57P03", // cannot connect now
  "40001", // serialization failure
  "40P01", // deadlock
]);
const databaseAwayTexts =
  /connection terminated|timeout exceeded when trying to connect|client has encountered a connection error|connection ended|cannot use a pool after/i;

/** Everything a route throws becomes the one envelope `{error, message, details?, requestId}` here and nowhere else. */
export function installErrorTranslator(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => sendError(toUserError(error), error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?")[0] ?? "";
    const failure = new UserError("not_found", `There is no ${request.method} ${path.slice(0, 200)}.`);
    return sendError(failure, failure, request, reply);
  });
}

/** The failure as the caller may see it; null when it is ours and only the log may tell. */
export function toUserError(error: unknown): UserError | null {
  if (error instanceof UserError) return error;
  if (isDatabaseAway(error))
    return new UserError(
      "unavailable",
      "The database does not answer just now. Nothing was changed; try again.",
      [],
      2,
    );
  const { code, statusCode } = (error ?? {}) as Partial<FastifyError>;
  if (isUnstorableText(error))
    return new UserError("validation", "A text holds a NUL character or half a surrogate pair: take it out.");
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new UserError("body_too_large", "The body is larger than this endpoint takes.");
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new UserError("unsupported_media_type", "Send the body as application/json.");
    case "FST_ERR_CTP_INVALID_JSON_BODY":
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
      return new UserError("malformed_json", "The body is not valid JSON.");
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return new UserError("bad_request", "The body is not as long as Content-Length says.");
    default:
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new UserError("bad_request", error instanceof Error ? error.message : "The request cannot be read.");
  return null;
}

/** JSON may say what Postgres does not store. */
function isUnstorableText(error: unknown): boolean {
  const { code, detail } = (error ?? {}) as { code?: unknown; detail?: unknown };
  return code === "22P05" || code === "22021" || (code === "22P02" && /surrogate/.test(String(detail)));
}

/** True for the failures of a connection, false for a refused query. Aggregates (both address families) count by their parts. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseAway);
  const code = (error as { code?: unknown }).code;
  if (typeof code === "string" && (databaseAwayCodes.has(code) || /^08/.test(code))) return true;
  return databaseAwayTexts.test(error.message) || isDatabaseAway(error.cause);
}

function sendError(failure: UserError | null, cause: unknown, request: FastifyRequest, reply: FastifyReply) {
  if (failure === null) {
    request.log.error({ event: "request_failed", err: cause }, "request failed");
    return reply.code(500).type("application/json").serializer(JSON.stringify).send({
      error: "internal",
      message: "This should not have happened. The log has the cause under this request id.",
      requestId: request.id,
    });
  }
  if (failure.code === "unavailable") request.log.warn({ event: "unavailable", err: cause }, failure.message);
  if (failure.retryAfterSeconds !== undefined) reply.header("retry-after", String(failure.retryAfterSeconds));
  if (failure.code === "unauthorized") reply.header("www-authenticate", 'Bearer realm="valet"');
  return reply
    .code(failure.status)
    .type("application/json")
    .serializer(JSON.stringify)
    .send(envelopeOf(failure, request.id));
}

function envelopeOf(failure: UserError, requestId: string) {
  const details: FieldDetail[] = failure.details ?? [];
  return {
    error: failure.code,
    message: failure.message,
    ...(details.length > 0 ? { details } : {}),
    requestId,
  };
}
