import type { CommandDraft, DeployDocument, HostStep } from "../model.ts";
import type { Observation } from "../observation.ts";
import type { Draft } from "./draft.ts";

const livingStates: readonly string[] = ["serving", "draining", "warm"];

/**
 * Why this deploy needs no steps: it goes back, within the rollback window, to a release whose generation still lives on every
 * host that can be asked. Null: it does not.
 */
export function whySkipsSteps(deploy: DeployDocument, observations: readonly Observation[]): string | null {
  const { imageDigest: digest, knobs } = deploy;
  if (digest === null || knobs.order !== "start-first" || !knobs.mayOverlap) return null;
  let isSeen = false;
  let isRunningAnyway = true;
  for (const one of observations) {
    if (one.kind !== "seen") continue;
    isSeen = true;
    let lives = false;
    let serves = false;
    for (const { imageDigest, state } of one.health.generations) {
      if (imageDigest !== digest) continue;
      lives ||= livingStates.includes(state);
      serves ||= state === "serving";
    }
    if (!lives) return null;
    isRunningAnyway &&= serves;
  }
  return isRunningAnyway || !isSeen
    ? null
    : "its generation is still warm on every host: a rollback inside the rollback window";
}

/** Wakes what is warm where the whole deploy is such a rollback, else starts the release anew. */
export function startCommand({ deploy }: Draft, host: HostStep): CommandDraft {
  const digest = deploy.course.skipsSteps === null ? null : deploy.imageDigest;
  return digest === null || host.order === "stop-first" ? { kind: "deploy" } : { kind: "rollback", digest };
}

/** Its step stands on waking a generation rather than on starting one. */
export function isWoken(host: HostStep): boolean {
  return host.engine.command?.kind === "rollback" && (host.step === "starting" || host.step === "verifying");
}
