import { deployStates, hostStepStates, taskStates } from "@valet/shared";
import { z } from "zod";

/**
 * WebSocket /api/v1/ws. Every message has `eventId`; reconnect with `{"type":"resume","lastEventId":n}` (or ?lastEventId=n)
 * and the missed ones come first. First message from the client, unless the token came as subprotocol
 * `valet.token.<token>`: `{"type":"auth","token":"..."}`. A browser offers `valet.live` beside its token, and gets that back.
 */
const base = { eventId: z.number().int() };
export const liveEventSchema = z.discriminatedUnion("type", [
  z.object({
    ...base,
    type: z.literal("deploy_ready"),
    deployId: z.string(),
    imageTag: z.string(),
    environment: z.string(),
    commitMessage: z.string(),
    commitSha: z.string(),
  }),
  z.object({
    ...base,
    type: z.literal("deploy_update"),
    deployId: z.string(),
    status: z.enum(deployStates),
    /** Hosts of the deploy in all; of a large one `sandboxes` are those under way first. */
    sandboxesTotal: z.number().int().optional(),
    sandboxes: z.array(
      z.object({
        sandboxId: z.string(),
        sandboxName: z.string(),
        status: z.enum(hostStepStates),
        activeTaskCount: z.number().int().nullable(),
        message: z.string(),
      }),
    ),
  }),
  z.object({
    ...base,
    type: z.literal("task_update"),
    taskId: z.string(),
    status: z.enum(taskStates),
    sandboxId: z.string().nullable(),
  }),
  z.object({ ...base, type: z.literal("task_needs_human"), taskId: z.string(), instructions: z.string() }),
  z.object({ ...base, type: z.literal("task_resumed"), taskId: z.string() }),
  z.object({ ...base, type: z.literal("sandbox_update"), sandboxId: z.string(), status: z.string() }),
  /** The gap is too old to replay: load everything afresh. */
  z.object({ ...base, type: z.literal("reset") }),
]);
export type LiveEvent = z.infer<typeof liveEventSchema>;
export const liveClientMessageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("auth"), token: z.string().max(4000), lastEventId: z.number().int().optional() }),
  z.object({ type: z.literal("resume"), lastEventId: z.number().int() }),
  z.object({ type: z.literal("ping") }),
]);
export const liveCloseCodes = { badToken: 4001, shutdown: 1001 } as const;
