import type { PlanHost } from "@valet/contracts";
import { begin, planHosts } from "../decide/start.ts";
import { whyNoRoom } from "../decide/admission.ts";
import { observationOf, openDraft, type Draft } from "../decide/draft.ts";
import { whyImpossible } from "../decide/impossible.ts";
import { mayStart } from "../decide/may-start.ts";
import { startCommand } from "../decide/wake.ts";
import { driftOf } from "../drift.ts";
import type { HostStep } from "../model.ts";
import type { Observation } from "../observation.ts";
import type { PlanInput } from "./plan-input.ts";

export interface PlannedHosts {
  /** The deploy as it would stand right after its start; private to the plan. */
  draft: Draft;
  hosts: PlannedHost[];
  impossible: string | null;
}
export interface PlannedHost {
  step: HostStep;
  observation: Observation | null;
  action: PlanHost["action"];
  text: string;
  notes: string[];
}

const nobodyOut: ReadonlySet<string> = new Set();

/** Which hosts, in which order and how: by the very rules that `decide` starts a deploy with, on a draft that nobody saves. */
export function plannedHosts(input: PlanInput): PlannedHosts {
  const { deploy, observations, now } = input;
  const draft = openDraft({ ...deploy, hosts: [] }, observations, now);
  const { lastCompleted } = observations.environment;
  draft.deploy.previousTag = lastCompleted?.tag ?? null;
  draft.deploy.previousDigest = lastCompleted?.digest ?? null;
  const steps = planHosts(draft);
  const impossible = whyImpossible(draft.deploy, steps);
  begin(draft, steps);
  return { draft, hosts: draft.deploy.hosts.map((step) => plannedHost(draft, step)), impossible };
}

function plannedHost(draft: Draft, step: HostStep): PlannedHost {
  const observation = observationOf(draft, step);
  const notes = observation ? notesOf(draft, observation) : [];
  const skipped = (text: string): PlannedHost => ({ step, observation, action: "skip", text, notes });
  if (step.step === "skipped") return skipped(`left out: ${step.reason}; it is converged when it returns`);
  const noRoom = observation && whyNoRoom(draft, step, observation);
  if (!mayStart(draft, step, observation, nobodyOut)) {
    if (isSkipped(step)) return skipped(`left out: ${step.reason}`);
    return { step, observation, action: "wait", text: `waits: ${step.reason}`, notes };
  }
  if (noRoom) {
    step.order = "stop-first";
    return { step, observation, action: "change", text: `stop-first, because ${noRoom}: drained first`, notes };
  }
  if (step.order === "stop-first") {
    return { step, observation, action: "change", text: "stop-first: cordoned, drained, replaced, verified", notes };
  }
  if (startCommand(draft, step).kind === "rollback") {
    return { step, observation, action: "wake", text: "its warm generation serves again", notes };
  }
  const text = "start-first: the new generation boots beside the old one and takes its slots as they fall free";
  return { step, observation, action: "change", text, notes };
}

const isSkipped = (host: HostStep): boolean => host.step === "skipped" || host.step === "failed";

function notesOf({ deploy, facts }: Draft, observation: Observation): string[] {
  if (observation.kind !== "seen") return [];
  const { health } = observation;
  const notes: string[] = [];
  if (deploy.imageDigest !== null && health.imageDigest === deploy.imageDigest) {
    notes.push("runs this release already; it is started anew");
  }
  const drift = driftOf(health, observation.facts.targetGeneration, facts.allowedDigests);
  if (drift.kind === "pinned") notes.push(`pinned by hand to ${drift.imageTag}: this deploy takes its place`);
  if (drift.kind === "converge" || drift.kind === "unsound") notes.push(`drift: ${drift.reason}`);
  return notes;
}
