import { UserError } from "@valet/shared";
import type { FastifyInstance } from "fastify";

/** Replaces Fastify's parsers: JSON with our own words for what is malformed; every other content type is a 415. */
export function installContentTypes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, text, done) => {
    try {
      done(null, parseJson(text as string));
    } catch (cause) {
      done(cause as Error);
    }
  });
}

/** The guide's `curl -X PATCH … -d '{"status": …}'` says it sends a form: where a route allows it, that is read as JSON. */
export function acceptJsonSentAsForm(app: FastifyInstance): void {
  app.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (_request, text, done) => {
    try {
      done(null, parseJson(text as string));
    } catch (cause) {
      done(cause as Error);
    }
  });
}

/** Leaves the body as the exact bytes received, whatever its content type says. */
export function acceptRawBytes(app: FastifyInstance, bodyLimitBytes: number): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: bodyLimitBytes }, (_request, bytes, done) =>
    done(null, bytes),
  );
}

/** Throws `malformed_json` with the parser's own words. An empty body reads as absent. */
export function parseJson(text: string): unknown {
  if (text.trim() === "") return undefined;
  try {
    return rejectPrototypeKeys(JSON.parse(text));
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const words = cause instanceof Error ? cause.message.slice(0, 200) : "unreadable";
    throw new UserError("malformed_json", `The body is not valid JSON: ${words}`);
  }
}

/** `__proto__` as a key would travel into objects that are merged later. */
function rejectPrototypeKeys(value: unknown): unknown {
  const pending = [value];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next !== "object" || next === null) continue;
    if (Object.hasOwn(next, "__proto__"))
      throw new UserError("validation", "__proto__ is not a field", [
        { field: "__proto__", message: "there is no such key", code: "unrecognized_keys" },
      ]);
    pending.push(...Object.values(next));
  }
  return value;
}
