import type { PlanHost } from "@valet/contracts";
import { begin, planHosts } from "../decide/start.ts";
import { whyNoRoom } from "../decide/admission.ts";
import { observationOf, openDraft, type Draft } from "../decide/draft.ts";
import { whyImpossible } from "../decide/impossible.ts";
import { mayStart } from "../decide/may-start.ts";
import { startCommand } from "../decide/wake.ts";
import { driftOf } from "../drift.ts";
import type { HostStep } from "../model.ts";
import type { Observation, SeenObservation } from "../observation.ts";
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
  /** Among the plan's hosts. */
  place: number;
  slots: number;
  tasks: number;
  memory: PlanHost["memory"];
  /** From 1; null: it stands in none. */
  wave: number | null;
}
type Chosen = Pick<PlannedHost, "action" | "text">;

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
  return { draft, hosts: draft.deploy.hosts.map((step, place) => plannedHost(draft, step, place)), impossible };
}

function plannedHost(draft: Draft, step: HostStep, place: number): PlannedHost {
  const observation = observationOf(draft, step);
  const notes = observation ? notesOf(draft, observation) : [];
  const { action, text } = choose(draft, step, observation);
  return {
    ...{ step, observation, action, text, notes, place, wave: null },
    slots: observation?.facts.slots.length ?? 0,
    tasks: observation?.facts.openAttempts.length ?? 0,
    memory: observation?.kind === "seen" ? memoryOf(observation) : null,
  };
}

function memoryOf({ health }: SeenObservation): PlanHost["memory"] {
  return {
    totalMb: health.memoryTotalMb,
    usedMb: health.memoryUsedMb,
    neededMb: health.admission?.neededMb ?? null,
    admits: health.admission?.admits ?? null,
  };
}

const stopFirst: Chosen = { action: "change", text: "stop-first: cordoned, drained, replaced, verified" };
const wake: Chosen = { action: "wake", text: "its warm generation serves again" };
const startFirst: Chosen = {
  action: "change",
  text: "start-first: the new generation boots beside the old one and takes its slots as they fall free",
};

function choose(draft: Draft, step: HostStep, observation: Observation | null): Chosen {
  const skipped = (text: string): Chosen => ({ action: "skip", text });
  if (step.step === "skipped") return skipped(`left out: ${step.reason}; it is converged when it returns`);
  const noRoom = observation && whyNoRoom(draft, step, observation);
  if (!mayStart(draft, step, observation, nobodyOut)) {
    if (isSkipped(step)) return skipped(`left out: ${step.reason}`);
    return { action: "wait", text: `waits: ${step.reason}` };
  }
  if (noRoom) {
    step.order = "stop-first";
    return { action: "change", text: `stop-first, because ${noRoom}: drained first` };
  }
  if (step.order === "stop-first") return stopFirst;
  return startCommand(draft, step).kind === "rollback" ? wake : startFirst;
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
