import { isDeepStrictEqual } from "node:util";
import { canMove, deployTransitions, hostStepTransitions } from "@valet/shared";
import type { DeployState, HostStepState } from "@valet/shared";
import type { CommandDraft, Decision, DeployDocument, HostStep } from "../model.ts";
import type { EnvironmentFacts, Observation, Observations } from "../observation.ts";
import { makePlaceFinder, type PlaceFinder } from "./place-finder.ts";
import { isSameHost } from "./same-host.ts";
import { makeWaitingList, type WaitingList } from "./waiting-list.ts";

/** A decision in the making: a private copy of the document that the rules below change, and what they said meanwhile. */
export interface Draft {
  readonly deploy: DeployDocument;
  /** The hosts of the document that was given, which nobody may change. */
  readonly given: readonly HostStep[];
  readonly facts: EnvironmentFacts;
  readonly sandboxes: readonly Observation[];
  readonly places: PlaceFinder;
  readonly now: number;
  readonly decisions: Decision[];
  readonly waitingOn: WaitingList;
}

export function openDraft(deploy: DeployDocument, observations: Observations, now: number): Draft {
  const { environment: facts, sandboxes } = observations;
  return {
    // Whatever the rules change in place is copied, hosts when they are (`own`); the rest is shared, since it is only ever replaced.
    deploy: { ...deploy, course: { ...deploy.course }, hosts: [...deploy.hosts] },
    given: deploy.hosts,
    facts,
    sandboxes,
    places: makePlaceFinder(sandboxes.length, (place) => sandboxes[place]?.facts.sandboxId),
    now,
    decisions: [],
    waitingOn: makeWaitingList(),
  };
}

/** The host at this place, to be changed: the draft's own copy, made when it is first asked for. */
export function own({ deploy: { hosts }, given }: Draft, place: number): HostStep {
  const host = hosts[place];
  if (!host) throw new Error(`there is no host at place ${place}`);
  if (host !== given[place]) return host;
  const copy = { ...host, engine: { ...host.engine } };
  hosts[place] = copy;
  return copy;
}

/** Every host, to be changed: for rules that go through them all, which is not every tick's work. */
export function ownAll(draft: Draft): HostStep[] {
  const { hosts } = draft.deploy;
  for (let place = 0; place < hosts.length; place += 1) own(draft, place);
  return hosts;
}

/** Puts the unchanged hosts of `before` back, and says whether anything at all is different. */
export function settleDraft({ deploy }: Draft, before: DeployDocument): boolean {
  const { hosts } = deploy;
  let isChanged = hosts.length !== before.hosts.length;
  for (let place = 0; place < hosts.length; place += 1) {
    const host = hosts[place];
    const was = before.hosts[place];
    if (host === was) continue;
    if (host && was && isSameHost(host, was)) hosts[place] = was;
    else isChanged = true;
  }
  if (isChanged) return true;
  return !isDeepStrictEqual({ ...deploy, hosts: [] }, { ...before, hosts: [] });
}

export function say(draft: Draft, summary: string, data: Record<string, unknown> = {}): void {
  draft.decisions.push({ summary, data });
}

/** Records whom or what the deploy waits for. Without elapsed times, or each tick would be a change worth saving. */
export function waitFor(draft: Draft, sentence: string): void {
  draft.waitingOn.add(null, sentence);
}

/** The same, of one host. */
export function waitForHost(draft: Draft, host: HostStep, sentence: string): void {
  draft.waitingOn.add(host.name, sentence);
}

/** The host waits, and says so in its own row as well. */
export function hostWaits(draft: Draft, host: HostStep, sentence: string): void {
  host.reason = sentence;
  waitForHost(draft, host, sentence);
}

export function observationOf(draft: Draft, host: HostStep): Observation | null {
  return observationAt(draft, host.sandboxId);
}

/** Null: the sandbox is gone from the database. */
export function observationAt({ places, sandboxes }: Draft, sandboxId: string): Observation | null {
  const place = places.find(sandboxId);
  return place === null ? null : (sandboxes[place] ?? null);
}

/** The only way a deploy changes its state. An illegal move is a bug, so it throws. */
export function moveDeploy(draft: Draft, to: DeployState, reason: string, data: Record<string, unknown> = {}): void {
  const { deploy } = draft;
  if (!canMove(deployTransitions, deploy.state, to)) {
    throw new Error(`deploy ${deploy.id}: ${deploy.state} -> ${to} is not a legal move (${reason})`);
  }
  say(draft, `${deploy.state} -> ${to}: ${reason}`, { from: deploy.state, to, ...data });
  deploy.state = to;
  deploy.stateReason = reason;
  if (deployTransitions[to].length === 0 || to === "failed") {
    deploy.engine = { kind: "ended" };
    deploy.endedAt = draft.now;
  }
}

/** The only way a host step moves. Entering one starts its progress clock anew. */
export function moveHost(draft: Draft, host: HostStep, to: HostStepState, reason: string): void {
  if (!canMove(hostStepTransitions, host.step, to)) {
    throw new Error(`host ${host.name}: ${host.step} -> ${to} is not a legal move (${reason})`);
  }
  say(draft, `${host.name}: ${host.step} -> ${to}: ${reason}`, { sandboxId: host.sandboxId, from: host.step, to });
  host.step = to;
  host.reason = reason;
  host.engine.progressedAt = draft.now;
  host.engine.slotsLeft = null;
  host.engine.holds = false;
  host.endedAt = endedSteps.has(to) ? draft.now : null;
  if (to !== "pending" && to !== "skipped") host.startedAt ??= draft.now;
}

const endedSteps = new Set<HostStepState>(["updated", "rolled_back", "failed", "skipped"]);

/** It is where it is meant to be for now: nothing of it is awaited, and its progress clock stands. */
export function hold(draft: Draft, host: HostStep, sentence: string): void {
  if (!host.engine.holds) say(draft, `${host.name}: ${sentence}`, { sandboxId: host.sandboxId });
  host.engine.holds = true;
  host.reason = sentence;
}

/** It has somewhere to go again; the time it was held does not count. */
export function unhold(draft: Draft, host: HostStep): void {
  if (!host.engine.holds) return;
  host.engine.holds = false;
  host.engine.progressedAt = draft.now;
  host.engine.slotsLeft = null;
}

/** Gives the host its next command, with an epoch newer than any that was given out for it or that it has seen. */
export function issue(draft: Draft, host: HostStep, command: CommandDraft): void {
  const observation = observationOf(draft, host);
  const known = [
    host.engine.command?.epoch ?? 0,
    observation?.facts.epoch ?? 0,
    observation?.kind === "seen" ? observation.health.epoch : 0,
  ];
  const epoch = Math.max(...known) + 1;
  host.engine.command = { ...command, epoch, issuedAt: draft.now };
  host.engine.agentPhase = null;
  host.engine.phaseSince = null;
  say(draft, `${host.name}: send ${command.kind}, epoch ${epoch}`, { sandboxId: host.sandboxId, ...command, epoch });
}
