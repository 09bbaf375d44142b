import { assertNever } from "@valet/shared";
import type { Effect } from "../effect.ts";
import type { DeployDocument, HostStep, StepCommand } from "../model.ts";
import { hasTaken } from "../observation.ts";
import { observationOf, type Draft } from "./draft.ts";

/** The agent's own schema takes no longer health deadline. */
const longestHealthyDeadlineMs = 600_000;

/** Every command whose epoch no host has shown yet. Sending one again does no harm: the host refuses an epoch it has seen. */
export function effectsOf(draft: Draft): Effect[] {
  const effects: Effect[] = [];
  for (const host of draft.deploy.hosts) {
    const { command } = host.engine;
    if (command === null) continue;
    const observation = observationOf(draft, host);
    if (observation?.kind !== "seen" || hasTaken(observation, command.epoch)) continue;
    effects.push(effectOf(draft.deploy, host, command));
  }
  return effects;
}

function effectOf(deploy: DeployDocument, host: HostStep, command: StepCommand): Effect {
  const to = { sandboxId: host.sandboxId, deployId: deploy.id, epoch: command.epoch };
  switch (command.kind) {
    case "deploy":
      return { ...to, kind: "deploy", command: deployCommand(deploy, host, command.epoch) };
    case "settle":
      return {
        ...to,
        kind: "settle",
        generation: command.generation,
        rollbackWindowMs: deploy.knobs.rollbackWindowMs,
      };
    case "rollback":
      return { ...to, kind: "rollback", digest: command.digest };
    case "drain":
    case "undrain":
    case "fence":
      return { ...to, kind: command.kind };
    case "end_generation":
      return { ...to, kind: "end_generation", generation: command.generation, force: command.force };
    default:
      return assertNever(command);
  }
}

function deployCommand(
  deploy: DeployDocument,
  host: HostStep,
  epoch: number,
): Extract<Effect, { kind: "deploy" }>["command"] {
  const { knobs } = deploy;
  return {
    image_tag: deploy.imageTag,
    ...(deploy.imageDigest === null ? {} : { image_digest: deploy.imageDigest }),
    ...(deploy.byDigest === true && deploy.imageDigest !== null ? { by_digest: true } : {}),
    ...(deploy.previousDigest === null ? {} : { previous_digest: deploy.previousDigest }),
    epoch,
    deploy_id: deploy.id,
    order: host.order,
    min_healthy_ms: knobs.minHealthyMs,
    healthy_deadline_ms: Math.min(knobs.healthyDeadlineMs, longestHealthyDeadlineMs),
    // Stop-first hosts come here drained; what the agent may still wait for is its own stop.
    drain_timeout_ms: Math.min(knobs.drainTimeoutMs, 60_000),
  };
}
