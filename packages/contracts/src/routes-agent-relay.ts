import { z } from "zod";
import { idSchema } from "./common.ts";
import { defineRoutes } from "./route.ts";

const signatureHeadersSchema = z.strictObject({
  timestamp: z.string().max(20),
  nonce: z.string().max(128),
  signature: z.string().max(100),
});

/** A command as it would have been sent to port 8000: signed by the control plane with the sandbox's key, only passed on here. */
export const relayedCommandSchema = z.strictObject({
  id: idSchema,
  method: z.enum(["GET", "POST"]),
  path: z.string().regex(/^\//).max(2_000),
  signed: signatureHeadersSchema,
  body: z.string().max(65_536),
});
export type RelayedCommand = z.infer<typeof relayedCommandSchema>;

/** The agent's answer with its own signature, which only the control plane can check. */
export const relayedAnswerSchema = z.strictObject({
  id: idSchema,
  status: z.number().int().min(100).max(599),
  signed: signatureHeadersSchema,
  body: z.string().max(4_000_000),
});
export type RelayedAnswer = z.infer<typeof relayedAnswerSchema>;

const tag = "agent";
const access = "sandbox";

/** The agent dials out, so that commands reach a host whose port 8000 nobody can reach. */
export const agentRelayRoutes = defineRoutes({
  agentCommands: {
    method: "GET",
    path: "/api/v1/sandbox/agent/commands",
    summary: "Long-poll: commands for this sandbox's agent, signed as on port 8000",
    tag,
    access,
    query: z.object({ waitMs: z.coerce.number().int().min(0).max(30_000).default(25_000) }),
    response: z.object({ commands: z.array(relayedCommandSchema) }),
  },
  agentAnswers: {
    method: "POST",
    path: "/api/v1/sandbox/agent/answers",
    summary: "The agent's signed answers; one that nobody waits for any more is dropped",
    tag,
    access,
    body: z.strictObject({ answers: z.array(relayedAnswerSchema).min(1).max(50) }),
    response: z.object({ taken: z.number().int() }),
  },
});
