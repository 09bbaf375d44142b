import type { AgentDeploy } from "@valet/contracts";
import type { HostStep, HostTimings } from "../model.ts";
import { moveHost, say, type Draft } from "./draft.ts";

/** The synthetic task's share of verifying, on top of the two knobs. */
const probeMs = 60_000;

export function noteProgress(draft: Draft, host: HostStep): void {
  host.engine.progressedAt = draft.now;
}

/** Takes over what the agent says of its procedure: a new phase is progress, its message is the host's reason. */
export function notePhase(draft: Draft, host: HostStep, current: AgentDeploy): void {
  if (host.engine.agentPhase !== current.phase) {
    host.engine.agentPhase = current.phase;
    host.engine.phaseSince = draft.now;
    noteProgress(draft, host);
  }
  host.newGeneration = current.generation ?? host.newGeneration;
  noteTimings(host, current.timings);
}

/** Replaces them only when something new was measured: what did not change is told by its reference. */
export function noteTimings(host: HostStep, measured: HostTimings): void {
  const known = host.engine.timings;
  const names = Object.keys(measured) as (keyof HostTimings)[];
  if (names.some((name) => measured[name] !== known[name])) host.engine.timings = { ...known, ...measured };
}

/** Fails the host when it has shown no progress for too long. Paused and draining time do not count. */
export function checkProgress(draft: Draft, host: HostStep): void {
  if (draft.deploy.state === "paused") return;
  const { progressDeadlineMs, healthyDeadlineMs, minHealthyMs } = draft.deploy.knobs;
  const { progressedAt, agentPhase, phaseSince } = host.engine;
  if (progressedAt !== null && draft.now - progressedAt > progressDeadlineMs) {
    failHost(draft, host, `no progress for ${progressDeadlineMs} ms; last: ${host.reason}`);
    return;
  }
  const isBooting = agentPhase === "starting" || agentPhase === "verifying";
  const limitMs = healthyDeadlineMs + minHealthyMs + probeMs;
  if (isBooting && phaseSince !== null && draft.now - phaseSince > limitMs) {
    failHost(
      draft,
      host,
      `${agentPhase} for more than ${limitMs} ms and the agent does not say why; last: ${host.reason}`,
    );
  }
}

/** `message` is what the host said, verbatim: that is what an operator needs. */
export function failHost(draft: Draft, host: HostStep, message: string): void {
  moveHost(draft, host, "failed", message);
  host.engine.failureHandled = false;
}

/** Nobody could reach it: away, not failed. It may come back on any release, so it is converged then. */
export function giveUpAbsent(draft: Draft, host: HostStep, to: "skipped" | "failed", reason: string): void {
  moveHost(draft, host, to, reason);
  host.engine.absent = true;
  host.engine.command = null;
  say(draft, `${host.name}: goes on without it; it is converged when it returns`, { sandboxId: host.sandboxId });
}
