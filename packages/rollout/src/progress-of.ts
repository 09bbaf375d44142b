import type { DeployProgress } from "@valet/contracts";
import { hostsOf } from "@valet/shared";
import { beforePromotion, canaryStep, shareText, stepText } from "./decide/canary.ts";
import { beforeSwitch } from "./decide/blue-green.ts";
import { isMoving } from "./decide/hosts.ts";
import { whyNotPromoted } from "./decide/promote.ts";
import type { DeployDocument } from "./model.ts";

/** Where a deploy stands between its hosts, from its document alone: canary step, bake, switch, and whether it waits for a person. */
export function progressOf(deploy: DeployDocument, now: number): DeployProgress {
  const { knobs, course } = deploy;
  const step = canaryStep(deploy);
  const isInCanary = step !== null && isUnderWay(deploy);
  const bakeEnds = isInCanary && course.bakingSince !== null ? course.bakingSince + step.bakeMs : null;
  return {
    phase: phaseOf(deploy),
    text: textOf(deploy, now),
    step: isInCanary ? course.step + 1 : null,
    stepsTotal: knobs.strategy === "canary" && course.skipsSteps === null ? knobs.canarySteps.length : 0,
    bakeEndsAt: bakeEnds === null ? null : new Date(bakeEnds).toISOString(),
    awaitsPromotion: awaitsPromotion(deploy, now),
  };
}

const isUnderWay = ({ state }: DeployDocument): boolean => state === "in_progress" || state === "paused";

function phaseOf(deploy: DeployDocument): DeployProgress["phase"] {
  switch (deploy.state) {
    case "awaiting_trigger":
    case "awaiting_approval":
    case "queued":
      return "waiting";
    case "in_progress":
    case "paused":
      if (canaryStep(deploy) !== null) return "canary";
      return isBeforeSwitch(deploy) ? "switching" : "rolling";
    case "baking":
      return "baking";
    case "rolling_back":
    case "rollback_paused":
      return "going_back";
    case "aborting":
      return "stopping";
    default:
      return "ended";
  }
}

const isBeforeSwitch = ({ knobs, course }: DeployDocument): boolean =>
  knobs.strategy === "blue-green" && course.skipsSteps === null && !course.switched;

/** Only what a person must say: a canary step without autoPromote, the switch, or a verdict that decides nothing. */
function awaitsPromotion(deploy: DeployDocument, now: number): boolean {
  return isUnderWay(deploy) && whyNotPromoted(deploy, now) === null;
}

function textOf(deploy: DeployDocument, now: number): string {
  if (!isUnderWay(deploy)) return outsideText(deploy);
  const where = whereText(deploy, now);
  return deploy.state === "paused" ? `paused: ${deploy.stateReason} (${where})` : where;
}

function outsideText(deploy: DeployDocument): string {
  const [first] = deploy.waitingOn;
  if (deploy.endedAt !== null || first === undefined) return deploy.stateReason;
  return `waits for ${first}`;
}

function whereText(deploy: DeployDocument, now: number): string {
  const { hosts, imageTag } = deploy;
  const step = canaryStep(deploy);
  if (step !== null) {
    const share = shareText(hostsOf(step.hosts, hosts.length, 1), step);
    return `${stepText(deploy)}: ${share}, ${canaryText(deploy, now)}`;
  }
  if (isBeforeSwitch(deploy)) {
    const missing = beforeSwitch(deploy);
    return missing === null
      ? "every host is verified, waits for the switch"
      : `before the switch, waits for ${missing}`;
  }
  const updated = hosts.filter((host) => host.step === "updated").length;
  const moving = hosts.filter(isMoving).length;
  return `${updated} of ${hosts.length} hosts run ${imageTag}, ${moving} on the way`;
}

function canaryText(deploy: DeployDocument, now: number): string {
  const missing = beforePromotion(deploy, now);
  if (missing === null) return "waits for promotion";
  const { bakingSince } = deploy.course;
  const step = canaryStep(deploy);
  if (step !== null && bakingSince !== null && now < bakingSince + step.bakeMs) {
    return `baking until ${new Date(bakingSince + step.bakeMs).toISOString()}`;
  }
  return bakingSince === null ? "on the way there" : `waits for ${missing}`;
}
