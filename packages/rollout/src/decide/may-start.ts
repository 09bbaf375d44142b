import { hostsOf } from "@valet/shared";
import type { HostStep } from "../model.ts";
import { isCordonedBy, type Observation } from "../observation.ts";
import { whyNoRoom } from "./admission.ts";
import { isAway, unreachableText } from "./answered.ts";
import { hostWaits, observationOf, type Draft } from "./draft.ts";
import { failHost, giveUpAbsent } from "./progress.ts";

/** `turn`: somebody else's move. `own`: its own trouble; it is left out after a while. `room`: fails after the progress deadline. */
interface Blocker {
  kind: "turn" | "own" | "room";
  text: string;
}

/** False, with a sentence that says why, when this host must wait; a host that stays away is skipped. */
export function mayStart(
  draft: Draft,
  host: HostStep,
  observation: Observation | null,
  out: ReadonlySet<string>,
): boolean {
  if (observation === null) return skip(draft, host, "it is no longer in the database");
  const { facts } = observation;
  if (facts.state === "terminating" || facts.state === "terminated" || facts.state === "stopped") {
    return skip(draft, host, `it is ${facts.state}`);
  }
  if (isAway(draft, observation)) return skip(draft, host, unreachableText(observation));
  const blocker = blockerOf(draft, host, observation, out);
  if (blocker === null) return true;
  hostWaits(draft, host, blocker.text);
  if (blocker.kind === "turn") return false;
  // Its own trouble, not somebody else's turn: the others must not wait for it for ever.
  host.engine.progressedAt ??= draft.now;
  const waitedMs = draft.now - host.engine.progressedAt;
  const { healthyDeadlineMs, progressDeadlineMs } = draft.deploy.knobs;
  if (blocker.kind === "own" && waitedMs > healthyDeadlineMs) skip(draft, host, blocker.text);
  if (blocker.kind === "room" && waitedMs > progressDeadlineMs) failHost(draft, host, blocker.text);
  return false;
}

function blockerOf(draft: Draft, host: HostStep, observation: Observation, out: ReadonlySet<string>): Blocker | null {
  const { facts } = observation;
  if (observation.kind === "unreachable") return { text: unreachableText(observation), kind: "own" };
  if (facts.otherDeploys.length > 0) return { text: `for deploy ${facts.otherDeploys.join(", ")} on it`, kind: "turn" };
  const { command } = host.engine;
  if (command !== null && observation.health.epoch < command.epoch) {
    return { text: `to take the ${command.kind} command`, kind: "own" };
  }
  if (facts.state === "provisioning") return { text: "still being provisioned", kind: "own" };
  if (!facts.sessionLive) return { text: "for its sandbox worker to connect", kind: "own" };
  const noRoom = whyNoRoom(draft, host, observation);
  if (host.order === "start-first" && noRoom === null) return null;
  return serviceBlocker(draft, host, noRoom, out);
}

/** Health checks hold it because it runs what it may not run: nobody misses it while it is replaced. */
function isIdleAnyway(draft: Draft, host: HostStep): boolean {
  const facts = observationOf(draft, host)?.facts;
  return facts !== undefined && isCordonedBy(facts, "health", "drift") && facts.openAttempts.length === 0;
}

/** What stands against taking the host out of service, as stop-first does. */
function serviceBlocker(draft: Draft, host: HostStep, noRoom: string | null, out: ReadonlySet<string>): Blocker | null {
  const { knobs, hosts } = draft.deploy;
  const most = hostsOf(knobs.maxUnavailable, hosts.length);
  if (noRoom !== null && knobs.strategy === "blue-green") {
    return { text: `${noRoom}, and blue-green needs room for both releases`, kind: "room" };
  }
  if (isIdleAnyway(draft, host)) return null;
  if (noRoom !== null && most === 0) {
    return { text: `${noRoom}, and stop-first would take it out of service, where maxUnavailable is 0`, kind: "room" };
  }
  if (most === 0) {
    const why = "maxUnavailable is 0, but stop-first takes the host out of service: raise it or use start-first";
    return { text: why, kind: "turn" };
  }
  if (out.size < most || out.has(host.sandboxId)) return null;
  return { text: `${out.size} of at most ${most} sandboxes are out of service`, kind: "turn" };
}

function skip(draft: Draft, host: HostStep, reason: string): false {
  giveUpAbsent(draft, host, "skipped", reason);
  return false;
}
