import { hostsOf } from "@valet/shared";
import { supersedes } from "../policy.ts";
import type { HostStep } from "../model.ts";
import { isCordonedBy, type Observation } from "../observation.ts";
import { fallBack, whyNoRoom } from "./admission.ts";
import { advanceHost } from "./advance.ts";
import { advanceHosts } from "./at-rest.ts";
import { switchOver } from "./blue-green.ts";
import { reachOf, tendCanary } from "./canary.ts";
import { issue, moveHost, observationOf, own, say, waitForHost, type Draft } from "./draft.ts";
import { reactToFailures } from "./failures.ts";
import { finishRolling } from "./finish.ts";
import { isHeldByFreeze } from "./frozen.ts";
import { giveWay } from "./give-way.ts";
import { isMoving } from "./hosts.ts";
import { mayStart } from "./may-start.ts";
import { outOfService } from "./out-of-service.ts";
import { putBack } from "./put-back.ts";
import { startCommand } from "./wake.ts";

/** One tick of a deploy in progress: hosts forward, failures answered, the strategy's own step, the next hosts, the end. */
export function roll(draft: Draft): void {
  const { deploy } = draft;
  advanceHosts(draft, (_, host, observation) => {
    if (host.step === "rolling_back") putBack(draft, host, observation);
    else advanceHost(draft, host, observation);
  });
  if (deploy.state !== "in_progress") return;
  if (supersedes(deploy.environment) && draft.facts.newerQueuedId !== null) {
    giveWay(draft, draft.facts.newerQueuedId);
    return;
  }
  reactToFailures(draft);
  for (const act of [tendCanary, startNext, switchOver]) {
    if (isGoingOn(draft)) act(draft);
  }
  if (isUnderWay(draft)) finishRolling(draft);
}

const isUnderWay = ({ deploy }: Draft): boolean => deploy.state === "in_progress";

function isGoingOn(draft: Draft): boolean {
  const { deploy } = draft;
  return isUnderWay(draft) && deploy.engine.kind === "rolling" && deploy.engine.failing === null;
}

/** In order, within the strategy's reach, never more than maxParallel at once, nor than maxUnavailable out of service by anyone's doing. */
function startNext(draft: Draft): void {
  const { deploy } = draft;
  const most = mostAtOnce(draft);
  const reach = reachOf(deploy);
  const out = outOfService(draft);
  let moving = 0;
  // Those that have begun keep their places: a host that comes back must not widen the step.
  let reached = 0;
  for (const host of deploy.hosts) {
    if (isMoving(host)) moving += 1;
    if (host.step !== "pending" && host.step !== "skipped") reached += 1;
  }
  for (const [place, { step, engine }] of deploy.hosts.entries()) {
    if (step !== "pending" && (step !== "skipped" || !engine.absent)) continue;
    const host = own(draft, place);
    const observation = observationOf(draft, host);
    if (step === "skipped") welcomeBack(draft, host, observation);
    if (host.step !== "pending") continue;
    if (reached >= reach) return;
    reached += 1;
    if (moving >= most || isHeldByFreeze(draft)) return;
    if (mayStart(draft, host, observation, out)) {
      startHost(draft, host, observation);
      moving += 1;
      if (host.order === "stop-first") out.add(host.sandboxId);
    } else if (hasLeft(host)) reached -= 1;
  }
}

/** Skipped just now: its place is the next one's. */
const hasLeft = (host: HostStep): boolean => host.step === "skipped";

function mostAtOnce({ deploy }: Draft): number {
  // Until the first host's pull has said which digest the tag means, only one host may ask.
  if (deploy.imageDigest === null) return 1;
  const { hosts, course, knobs } = deploy;
  return course.skipsSteps === null ? hostsOf(knobs.maxParallel, hosts.length, 1) : hosts.length;
}

function startHost(draft: Draft, host: HostStep, observation: Observation | null): void {
  host.oldGeneration = observation?.facts.targetGeneration ?? null;
  const fresh = { target: null, targetSlots: null, drainingSince: null, unhealthySince: null, failureHandled: false };
  Object.assign(host.engine, fresh);
  host.newGeneration = null;
  host.reportedDigest = null;
  sayPinned(draft, host, observation);
  const noRoom = observation && whyNoRoom(draft, host, observation);
  if (noRoom) fallBack(draft, host, noRoom);
  if (host.order === "start-first") {
    const command = startCommand(draft, host);
    issue(draft, host, command);
    const isWaking = command.kind === "rollback";
    const reason = isWaking ? "its warm generation is woken" : "the new generation is started beside the old one";
    moveHost(draft, host, "starting", reason);
  } else {
    moveHost(draft, host, "cordoned", "takes no new work from now on");
  }
}

/** A release that somebody put there by hand is replaced like any other, but not in silence. */
function sayPinned(draft: Draft, host: HostStep, observation: Observation | null): void {
  if (observation?.kind !== "seen") return;
  const { currentDeploy } = observation.health;
  if (!currentDeploy?.pinned) return;
  const what = `it was pinned to ${currentDeploy.imageTag} by hand`;
  say(draft, `${host.name}: ${what}; this deploy takes its place`, { sandboxId: host.sandboxId });
}

/** A host that was away and is seen again while the deploy still runs takes its turn after all. */
function welcomeBack(draft: Draft, host: HostStep, observation: Observation | null): void {
  if (!host.engine.absent || observation?.kind !== "seen") return;
  const { facts } = observation;
  const isReady =
    facts.sessionLive && (facts.state === "active" || facts.state === "unhealthy" || facts.state === "deploying");
  if (!isReady) {
    if (isCordonedBy(facts, "health")) waitForHost(draft, host, "is back, but not ready yet");
    return;
  }
  host.engine.absent = false;
  moveHost(draft, host, "pending", "it is back");
}
