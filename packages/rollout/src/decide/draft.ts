import { canMove, deployTransitions, hostStepTransitions } from "@valet/shared";
import type { DeployState, HostStepState } from "@valet/shared";
import type { CommandDraft, Decision, DeployDocument, HostStep } from "../model.ts";
import type { EnvironmentFacts, Observation, Observations } from "../observation.ts";

/** A decision in the making: a private copy of the document that the rules below change, and what they said meanwhile. */
export interface Draft {
  readonly deploy: DeployDocument;
  readonly facts: EnvironmentFacts;
  readonly sandboxes: readonly Observation[];
  readonly now: number;
  readonly decisions: Decision[];
  readonly waitingOn: string[];
}

export function openDraft(deploy: DeployDocument, observations: Observations, now: number): Draft {
  return {
    deploy: structuredClone(deploy),
    facts: observations.environment,
    sandboxes: observations.sandboxes,
    now,
    decisions: [],
    waitingOn: [],
  };
}

export function say(draft: Draft, summary: string, data: Record<string, unknown> = {}): void {
  draft.decisions.push({ summary, data });
}

/** Records whom or what the deploy waits for. Without elapsed times, or each tick would be a change worth saving. */
export function waitFor(draft: Draft, sentence: string): void {
  if (!draft.waitingOn.includes(sentence)) draft.waitingOn.push(sentence);
}

/** The host waits, and says so in its own row as well. */
export function hostWaits(draft: Draft, host: HostStep, sentence: string): void {
  host.reason = sentence;
  waitFor(draft, `${host.name}: ${sentence}`);
}

export function observationOf(draft: Draft, host: HostStep): Observation | null {
  return draft.sandboxes.find((one) => one.facts.sandboxId === host.sandboxId) ?? null;
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
  host.endedAt = endedSteps.has(to) ? draft.now : null;
  if (to !== "pending" && to !== "skipped") host.startedAt ??= draft.now;
}

const endedSteps = new Set<HostStepState>(["updated", "rolled_back", "failed", "skipped"]);

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
