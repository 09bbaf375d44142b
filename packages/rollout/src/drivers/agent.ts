import {
  agentAnswerSchema,
  agentDeployAnswerSchema,
  agentErrorSchema,
  agentHealthSchema,
  type AgentHealth,
} from "@valet/contracts";
import { err, ok, type Result } from "@valet/shared";
import type { z } from "zod";
import type { CommandAnswer, CommandTo, DriverError, HostDriver } from "../driver.ts";
import type { AgentAddress, AgentCallOptions, AgentReply, AgentRequest, AgentTransport } from "./agent-http.ts";
import { makeBestWay } from "./agent-way.ts";

export interface AgentDriverDeps extends AgentCallOptions {
  /** Where the sandbox's agent is and the key that belongs to it alone; null when there is no such sandbox. */
  addressOf(sandboxId: string): Promise<AgentAddress | null>;
  /** Another way to an agent whose port nobody can reach; none: port 8000 is the only one. */
  relay?(sandboxId: string): AgentTransport;
}

/** Drives real hosts: signed requests to the agent on each sandbox (contracts/agent.ts), over HTTP or by the relay. */
export function makeAgentDriver(deps: AgentDriverDeps): HostDriver {
  const callBestWay = makeBestWay(deps);
  const call = async (
    sandboxId: string,
    request: AgentRequest,
    signal: AbortSignal,
  ): Promise<Result<AgentReply, DriverError>> => {
    const address = await deps.addressOf(sandboxId);
    if (address === null) return err({ kind: "unreachable", message: `there is no sandbox ${sandboxId}` });
    return callBestWay(sandboxId, address, request, signal);
  };
  const command = async (
    order: CommandTo,
    path: string,
    body: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<CommandAnswer> => {
    const full = { epoch: order.epoch, deploy_id: order.deployId, ...body };
    const reply = await call(order.sandboxId, { method: "POST", path, body: full }, signal);
    if (!reply.ok) return reply;
    const schema = path === "/deploy" ? agentDeployAnswerSchema : agentAnswerSchema;
    const answer = answerOf(reply.value, schema, path);
    return answer.ok ? ok({ message: answer.value.message }) : answer;
  };
  return {
    async observe(sandboxId, signal): Promise<Result<AgentHealth, DriverError>> {
      const reply = await call(sandboxId, { method: "GET", path: "/health" }, signal);
      return reply.ok ? answerOf(reply.value, agentHealthSchema, "/health") : reply;
    },
    deploy: (order, body, signal) => command(order, "/deploy", body, signal),
    settle: (order, won, signal) =>
      command(order, "/settle", { generation: won.generation, rollback_window_ms: won.rollbackWindowMs }, signal),
    rollback: (order, to, signal) => command(order, "/rollback", { image_digest: to.digest }, signal),
    drain: (order, signal) => command(order, "/drain", {}, signal),
    undrain: (order, signal) => command(order, "/undrain", {}, signal),
    fence: (order, signal) => command(order, "/fence", {}, signal),
    endGeneration: (order, which, signal) =>
      command(order, `/generations/${which.generation}/end`, { force: which.force }, signal),
  };
}

/** Reads a signed answer. A body that is not what the contract says is no answer at all. */
function answerOf<T extends z.ZodType>(reply: AgentReply, schema: T, path: string): Result<z.output<T>, DriverError> {
  if (reply.status >= 200 && reply.status < 300) {
    const parsed = schema.safeParse(reply.json);
    if (parsed.success) return ok(parsed.data);
    const issue = parsed.error.issues[0];
    const where = issue ? `${issue.path.join(".")}: ${issue.message}` : "";
    return err({
      kind: "unreachable",
      message: `the agent's answer to ${path} is not what its contract says: ${where}`,
    });
  }
  const parsed = agentErrorSchema.safeParse(reply.json);
  const error = parsed.success ? parsed.data : { error: `status ${reply.status}` };
  const message = error.message ?? error.error;
  if (reply.status === 409 && error.error === "stale_epoch") {
    return err({ kind: "stale", epoch: error.epoch ?? null, message });
  }
  if (reply.status === 409 || reply.status === 429 || reply.status === 503) return err({ kind: "busy", message });
  if (reply.status >= 500) return err({ kind: "unreachable", message: `the agent failed: ${message}` });
  return err({ kind: "refused", status: reply.status, message });
}
