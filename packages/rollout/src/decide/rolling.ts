import { hostsOf } from "@valet/shared";
import { supersedes } from "../policy.ts";
import type { HostStep } from "../model.ts";
import { isCordonedBy, type Observation } from "../observation.ts";
import { advanceHost } from "./advance.ts";
import { isAway, unreachableText } from "./answered.ts";
import { hostWaits, issue, moveHost, observationOf, waitFor, type Draft } from "./draft.ts";
import { reactToFailures } from "./failures.ts";
import { finishRolling } from "./finish.ts";
import { isInFlight, outOfServiceSteps } from "./hosts.ts";
import { giveUpAbsent } from "./progress.ts";
import { giveWay } from "./give-way.ts";

/** One tick of a deploy in progress: hosts forward, failures answered, then the next hosts, then the end. */
export function roll(draft: Draft): void {
  const { deploy } = draft;
  for (const host of deploy.hosts) advanceHost(draft, host, observationOf(draft, host));
  if (deploy.state !== "in_progress") return;
  if (supersedes(deploy.environment) && draft.facts.newerQueuedId !== null) {
    giveWay(draft, draft.facts.newerQueuedId);
    return;
  }
  reactToFailures(draft);
  if (deploy.state !== "in_progress") return;
  if (deploy.engine.kind === "rolling" && deploy.engine.failing === null) startNext(draft);
  finishRolling(draft);
}

/** Rolling: in order, never more than maxParallel at once, and never more than maxUnavailable out of service by anyone's doing. */
function startNext(draft: Draft): void {
  const { deploy } = draft;
  // Until the first host's pull has said which digest the tag means, only one host may ask.
  const most = deploy.imageDigest === null ? 1 : hostsOf(deploy.knobs.maxParallel, deploy.hosts.length, 1);
  for (const host of deploy.hosts) {
    const observation = observationOf(draft, host);
    if (host.step === "skipped") welcomeBack(draft, host, observation);
    if (host.step !== "pending") continue;
    if (deploy.hosts.filter(isInFlight).length >= most) return;
    if (mayStart(draft, host, observation)) startHost(draft, host, observation);
  }
}

function startHost(draft: Draft, host: HostStep, observation: Observation | null): void {
  host.oldGeneration = observation?.facts.targetGeneration ?? null;
  Object.assign(host.engine, { target: null, drainingSince: null, unhealthySince: null, failureHandled: false });
  host.newGeneration = null;
  host.reportedDigest = null;
  if (host.order === "start-first") {
    issue(draft, host, { kind: "deploy" });
    moveHost(draft, host, "starting", "the new generation is started beside the old one");
  } else {
    moveHost(draft, host, "cordoned", "takes no new work from now on");
  }
}

/** False, with a sentence that says why, when this host must wait; a host that stays away is skipped. */
function mayStart(draft: Draft, host: HostStep, observation: Observation | null): boolean {
  if (observation === null) return skip(draft, host, "it is no longer in the database");
  const { facts } = observation;
  if (facts.state === "terminating" || facts.state === "terminated" || facts.state === "stopped") {
    return skip(draft, host, `it is ${facts.state}`);
  }
  if (isAway(draft, observation)) return skip(draft, host, unreachableText(observation));
  const blocker = blockerOf(draft, host, observation);
  if (blocker === null) return true;
  hostWaits(draft, host, blocker.text);
  if (!blocker.isOwn) return false;
  // Its own trouble, not somebody else's turn: the others must not wait for it for ever.
  host.engine.progressedAt ??= draft.now;
  if (draft.now - host.engine.progressedAt > draft.deploy.knobs.healthyDeadlineMs) skip(draft, host, blocker.text);
  return false;
}

function blockerOf(draft: Draft, host: HostStep, observation: Observation): { text: string; isOwn: boolean } | null {
  const { facts } = observation;
  if (observation.kind === "unreachable") return { text: unreachableText(observation), isOwn: true };
  if (facts.otherDeploys.length > 0) return { text: `for deploy ${facts.otherDeploys.join(", ")} on it`, isOwn: false };
  const { command } = host.engine;
  if (command !== null && observation.health.epoch < command.epoch) {
    return { text: `to take the ${command.kind} command`, isOwn: true };
  }
  if (facts.state === "provisioning") return { text: "still being provisioned", isOwn: true };
  if (!facts.sessionLive) return { text: "for its sandbox worker to connect", isOwn: true };
  if (host.order === "start-first") return null;
  const maxUnavailable = hostsOf(draft.deploy.knobs.maxUnavailable, draft.deploy.hosts.length);
  if (maxUnavailable === 0) {
    return {
      text: "maxUnavailable is 0, but stop-first takes the host out of service: raise it or use start-first",
      isOwn: false,
    };
  }
  const out = outOfService(draft);
  if (out.size >= maxUnavailable && !out.has(host.sandboxId)) {
    return { text: `${out.size} of at most ${maxUnavailable} sandboxes are out of service`, isOwn: false };
  }
  return null;
}

/** Out of service by our own doing: hosts this deploy holds, and those that any other deploy has cordoned. */
function outOfService(draft: Draft): Set<string> {
  const held = draft.deploy.hosts
    .filter((host) => host.order === "stop-first" && outOfServiceSteps.includes(host.step))
    .map((host) => host.sandboxId);
  const others = draft.facts.deployCordoned.filter((id) => {
    const observation = draft.sandboxes.find((one) => one.facts.sandboxId === id);
    const onlyOurs = observation && observation.facts.cordons.filter((cordon) => cordon.holderKind === "deploy");
    return !onlyOurs || onlyOurs.some((cordon) => cordon.holderId !== draft.deploy.id);
  });
  return new Set([...held, ...others]);
}

function skip(draft: Draft, host: HostStep, reason: string): false {
  giveUpAbsent(draft, host, "skipped", reason);
  return false;
}

/** A host that was away and is seen again while the deploy still runs takes its turn after all. */
function welcomeBack(draft: Draft, host: HostStep, observation: Observation | null): void {
  if (!host.engine.absent || observation?.kind !== "seen") return;
  const { facts } = observation;
  const isReady =
    facts.sessionLive && (facts.state === "active" || facts.state === "unhealthy" || facts.state === "deploying");
  if (!isReady) {
    if (isCordonedBy(facts, "health")) waitFor(draft, `${host.name}: is back, but not ready yet`);
    return;
  }
  host.engine.absent = false;
  moveHost(draft, host, "pending", "it is back");
}
