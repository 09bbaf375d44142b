import type { DeployDocument, DeployRequest } from "../model.ts";
import { beforeSwitch } from "./blue-green.ts";
import { beforePromotion, canaryStep } from "./canary.ts";
import { ownAll, say, type Draft } from "./draft.ts";
import { goOn } from "./pause.ts";

/** Lets a deploy go on that waits for a person's word; refused, with what it waits for instead, when it does not. */
export function promote(draft: Draft, request: DeployRequest, reason: string): void {
  const { deploy } = draft;
  const { engine, course } = deploy;
  const refusal = whyNotPromoted(deploy, draft.now);
  if (refusal !== null) {
    say(draft, `promote asked by ${request.actor} is refused: ${refusal}`, { request });
    return;
  }
  if (deploy.state === "paused") {
    goOn(draft, reason);
    if (engine.kind === "paused" && engine.cause === "analysis") course.overruled = true;
  } else say(draft, reason, { request });
  course.promoted = true;
  // A person has just looked at it: what it took until now is not held against what comes.
  for (const host of ownAll(draft)) {
    if (host.engine.progressedAt !== null) host.engine.progressedAt = draft.now;
  }
}

/** Null: promote is what it waits for, or what ends its final bake early. */
export function whyNotPromoted(deploy: DeployDocument, now: number): string | null {
  const { state, engine, knobs, course } = deploy;
  if (state === "baking") return null;
  if (engine.kind === "paused") {
    if (engine.cause === "analysis") return null;
    return `it is paused (${deploy.stateReason}) and waits for resume`;
  }
  if (canaryStep(deploy) !== null) {
    const missing = beforePromotion(deploy, now);
    return missing === null ? null : `it waits for ${missing}`;
  }
  if (knobs.strategy === "blue-green" && course.skipsSteps === null && !course.switched) {
    const missing = beforeSwitch(deploy);
    if (missing !== null) return `it waits for ${missing}`;
    return knobs.autoPromote ? "it switches by itself" : null;
  }
  return `nothing waits for it: ${deploy.waitingOn[0] ?? "hosts are on their way"}`;
}

/** Resumed rather than promoted after a verdict: it is judged again, by tasks that start from now on. */
export function lookAgain({ deploy, now }: Draft): void {
  deploy.course.analysis = { since: now, results: [] };
  deploy.course.watchedSince = now;
}
