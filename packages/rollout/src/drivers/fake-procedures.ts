import type { AgentDeployCommand } from "@valet/contracts";
import type { CommandTo } from "../driver.ts";
import {
  becomeSound,
  begin,
  cancel,
  candidateOf,
  createGeneration,
  failureOf,
  releaseOf,
  setPhase,
  type FakeHostState,
  type FakeRelease,
} from "./fake-host-state.ts";

/** Fetch, start, verify, as steps in time. Stop-first ends what ran before, and goes back to the named release by itself. */
export function planDeploy(state: FakeHostState, command: AgentDeployCommand, release: FakeRelease): void {
  const healthyDeadlineMs = command.healthy_deadline_ms ?? 60_000;
  const fetchedAt = state.clock.now() + (release.fetchMs ?? 0);
  const bootMs = release.bootMs ?? 0;
  const isStopFirst = (command.order ?? "stop-first") === "stop-first";
  const before = state.generations.filter((one) => one.state !== "ended");
  const failIn = (phase: "fetching" | "verifying"): boolean => {
    const failure = failureOf(state, release);
    if (failure?.phase !== phase) return false;
    fail(state, command, failure.message);
    return true;
  };
  state.steps = [
    {
      atMs: fetchedAt,
      run() {
        if (failIn("fetching")) return;
        if (isStopFirst) for (const one of before) one.state = "ended";
        const candidate = createGeneration(state, command.image_tag, release.digest, "starting");
        Object.assign(state.current ?? {}, { generation: candidate.generation, imageDigest: release.digest });
        setPhase(state, "starting", `starting generation ${candidate.generation}`);
      },
    },
    {
      atMs: fetchedAt + Math.min(bootMs, healthyDeadlineMs),
      run() {
        if (bootMs > healthyDeadlineMs) return fail(state, command, `not healthy within ${healthyDeadlineMs} ms`);
        setPhase(state, "verifying", "verifying");
        failIn("verifying");
      },
    },
    {
      atMs: fetchedAt + bootMs + (command.min_healthy_ms ?? 0),
      run() {
        const candidate = candidateOf(state);
        if (candidate) becomeSound(state, candidate);
        if (isStopFirst) state.isDrained = false;
        setPhase(state, isStopFirst ? "serving" : "verified", "verified", true);
      },
    },
  ];
}

function fail(state: FakeHostState, command: AgentDeployCommand, message: string): void {
  state.steps = [];
  const candidate = candidateOf(state);
  if (candidate) candidate.state = "ended";
  const isStopFirst = (command.order ?? "stop-first") === "stop-first";
  if (!isStopFirst || !candidate || command.previous_digest === undefined) {
    setPhase(state, "failed", message, true);
    return;
  }
  createGeneration(state, command.image_tag, command.previous_digest, "serving");
  state.isDrained = false;
  setPhase(state, "rolled_back", message, true);
}

/** Wakes a living generation of the digest, or starts one; newer ones drain and end. */
export function rollBack(state: FakeHostState, order: CommandTo, digest: string): void {
  cancel(state, "a rollback took over");
  begin(state, order, { tag: digest, digest, hostOrder: "start-first" });
  state.isDrained = false;
  setPhase(state, "rolling_back", "going back");
  const failure = failureOf(state, releaseOf(state, digest));
  const run = () => (failure ? setPhase(state, "failed", failure.message, true) : serveAgain(state, digest));
  state.steps = [{ atMs: state.clock.now(), run }];
}

function serveAgain(state: FakeHostState, digest: string): void {
  const living = state.generations.find((one) => one.desiredDigest === digest && one.state !== "ended");
  const back = living ?? createGeneration(state, digest, digest, "serving");
  becomeSound(state, back);
  for (const one of state.generations) {
    if (one === back || one.state !== "serving") continue;
    one.state = "draining";
    state.leavesFor.set(one.generation, "ended");
  }
  setPhase(state, "rolled_back", `serves again as generation ${back.generation}`, true);
}
