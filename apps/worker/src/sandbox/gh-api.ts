import { type GhCommand, type GhJobCreate, ghFeedEntrySchema, ghJobCreatedSchema } from "@valet/contracts";
import { type Result, type Secret, err, ok } from "@valet/shared";
import { Agent, fetch } from "undici";
import { z } from "zod";
import { withDeadline } from "../deadline.ts";
import { textOf } from "./outcome.ts";

/** `refused`: this release will never take it. `unreachable`: no sound answer, so nothing is known. */
export type GhFailure = { kind: "refused" | "unreachable"; message: string };

/** One generation's GH api, of the release before, this one or the next: unknown fields, states and entries are let pass. */
export interface GhApi {
  feed(query: FeedQuery, signal: AbortSignal): Promise<Result<Feed, GhFailure>>;
  createJob(job: GhJobCreate, signal: AbortSignal): Promise<Result<{ jobId: string; duplicate: boolean }, GhFailure>>;
  handDown(commands: GhCommand[], signal: AbortSignal): Promise<Result<true, GhFailure>>;
  /** The file's bytes and content type; null when the GH api has no such file. */
  artifact(file: ArtifactName, signal: AbortSignal): Promise<Result<ArtifactBytes | null, GhFailure>>;
}
export interface FeedQuery {
  cursor: number;
  apiBootId: string;
  waitMs: number;
}
export interface ArtifactName {
  taskId: string;
  fence: number;
  name: string;
}
export interface ArtifactBytes {
  bytes: Uint8Array;
  contentType: string;
}

const jobSchema = z.object({
  job_id: z.string(),
  valet_task_id: z.string(),
  status: z.string(),
  fence: z.number().int().nullish(),
  lease_id: z.string().nullish(),
  slot: z.number().int().nullish(),
  frozen: z.boolean().default(false),
});
const inventorySchema = z.object({
  worker_id: z.string(),
  boot_id: z.string(),
  image_tag: z.string().default(""),
  image_digest: z.string().default(""),
  accepting: z.boolean(),
  // A state of a later release that we do not know is never taken for a usable one.
  spare: z.enum(["none", "preparing", "ready", "failed"]).catch("none"),
  slots: z.array(
    z.object({ index: z.number().int(), state: z.enum(["preparing", "ready", "busy", "closed"]).catch("preparing") }),
  ),
  jobs: z.array(jobSchema),
  confirmed_ago_ms: z.number(),
});
export type Inventory = z.output<typeof inventorySchema>;
const feedSchema = z.object({
  api_boot_id: z.string(),
  cursor: z.number().int(),
  entries: z.array(z.unknown()),
  workers: z.array(inventorySchema),
});
/** Journal entry of a kind this release does not know: its place in the order counts, its content does not. */
const unknownEventSchema = z.object({
  kind: z.literal("event"),
  valet_task_id: z.string(),
  lease_id: z.string(),
  event: z.object({ fence: z.number().int(), seq: z.number().int() }),
});
export type FeedEntry =
  z.output<typeof ghFeedEntrySchema> | (Omit<z.output<typeof unknownEventSchema>, "kind"> & { kind: "unknown_event" });
export interface Feed {
  apiBootId: string;
  cursor: number;
  entries: FeedEntry[];
  workers: Inventory[];
}

// Idle connections are kept between long-polls and jobs.
const dispatcher = new Agent({ keepAliveTimeout: 30_000, connections: 32 });
const defaultTimeoutMs = 5_000;

export function makeGhApi(baseUrl: string, serviceSecret: Secret): GhApi {
  const send = async <T>(
    path: string,
    body: unknown,
    timeoutMs: number,
    signal: AbortSignal,
    read: (response: Awaited<ReturnType<typeof fetch>>) => Promise<Result<T, GhFailure>>,
  ): Promise<Result<T, GhFailure>> => {
    try {
      return await withDeadline(timeoutMs, signal, async (s) =>
        read(
          await fetch(baseUrl + path, {
            method: body === undefined ? "GET" : "POST",
            headers: { "x-gh-service-key": serviceSecret.reveal(), "content-type": "application/json" },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
            dispatcher,
            signal: s,
          }),
        ),
      );
    } catch (error) {
      return err({ kind: "unreachable", message: textOf(error) });
    }
  };
  return {
    feed: ({ cursor, apiBootId, waitMs }, signal) =>
      send(
        `/api/v1/gh/feed?${new URLSearchParams({ cursor: String(cursor), api_boot_id: apiBootId, wait_ms: String(waitMs) })}`,
        undefined,
        waitMs + defaultTimeoutMs,
        signal,
        async (response) => {
          if (!response.ok) return failed(response.status, await response.text());
          const feed = feedSchema.parse(await response.json());
          const { api_boot_id, entries, ...rest } = feed;
          return ok({ ...rest, apiBootId: api_boot_id, entries: entries.flatMap(entryOf) });
        },
      ),
    createJob: (job, signal) =>
      send("/api/v1/gh/jobs", job, defaultTimeoutMs, signal, async (response) => {
        const text = await response.text();
        if (response.status !== 201 && response.status !== 200 && response.status !== 409)
          return failed(response.status, text);
        const created = ghJobCreatedSchema.partial({ status: true, created_at: true }).safeParse(JSON.parse(text));
        // A 409 that names no job is about something else, a busy slot for one: it may pass.
        if (!created.success) return err({ kind: "unreachable", message: `${response.status}: ${text.slice(0, 300)}` });
        return ok({ jobId: created.data.job_id, duplicate: response.status === 409 });
      }),
    handDown: (commands, signal) =>
      send("/api/v1/gh/commands", { commands }, defaultTimeoutMs, signal, async (response) => {
        const text = await response.text();
        return response.ok ? ok(true as const) : failed(response.status, text);
      }),
    artifact: ({ taskId, fence, name }, signal) =>
      send(
        `/api/v1/gh/artifacts/${taskId}/${fence}/${encodeURIComponent(name)}`,
        undefined,
        30_000,
        signal,
        async (response) => {
          if (response.status === 404) {
            await response.text();
            return ok(null);
          }
          if (!response.ok) return failed(response.status, await response.text());
          const contentType = response.headers.get("content-type") ?? "application/octet-stream";
          return ok({ bytes: new Uint8Array(await response.arrayBuffer()), contentType });
        },
      ),
  };
}

function failed(status: number, text: string): { ok: false; error: GhFailure } {
  const kind = status === 400 || status === 413 || status === 422 ? "refused" : "unreachable";
  return err({ kind, message: `${status}: ${text.slice(0, 300)}` });
}

function entryOf(raw: unknown): FeedEntry[] {
  const known = ghFeedEntrySchema.safeParse(raw);
  if (known.success) return [known.data];
  const event = unknownEventSchema.safeParse(raw);
  return event.success ? [{ ...event.data, kind: "unknown_event" }] : [];
}
