import type { AgentDeploy, AgentGeneration } from "@valet/contracts";
import type { Clock } from "@valet/shared";
import type { CommandTo } from "../driver.ts";

/** What a release does on a fake host. Absent times are 0; absent failures do not happen. */
export interface FakeRelease {
  digest: string;
  fetchMs?: number;
  bootMs?: number;
  /** Fails the procedure in this phase, with these words. */
  failure?: { phase: "fetching" | "verifying"; message: string };
  /** What its processes say they are; the digest itself when absent. */
  reports?: string | null;
}

/** Something that happens on the host once its time has come. */
export interface FakeStep {
  atMs: number;
  run(): void;
}

/** Everything a fake host is at one moment. */
export interface FakeHostState {
  clock: Clock;
  registry: Map<string, FakeRelease>;
  generations: AgentGeneration[];
  /** What goes wrong with a release, by digest, on this host alone. */
  trouble: Map<string, NonNullable<FakeRelease["failure"]>>;
  /** What a draining generation becomes once it has no jobs; warm when it is not listed. */
  leavesFor: Map<number, "warm" | "ended">;
  current: AgentDeploy | null;
  steps: FakeStep[];
  isDrained: boolean;
  jobsOf(generation: AgentGeneration): number;
}

const iso = (state: FakeHostState): string => new Date(state.clock.now()).toISOString();

/** Lets everything happen whose time has come. */
export function advance(state: FakeHostState): void {
  for (;;) {
    const next = state.steps[0];
    if (!next || next.atMs > state.clock.now()) break;
    state.steps.shift();
    next.run();
  }
  for (const one of state.generations) {
    one.activeJobs = one.state === "ended" ? 0 : state.jobsOf(one);
    if (one.state === "draining" && one.activeJobs === 0) one.state = state.leavesFor.get(one.generation) ?? "warm";
    one.accepting = one.state === "serving" && !state.isDrained;
    if (one.state === "ended") one.healthy = false;
  }
}

export function releaseOf(state: FakeHostState, digest: string): FakeRelease | undefined {
  return [...state.registry.values()].find((release) => release.digest === digest);
}

export function failureOf(state: FakeHostState, release: FakeRelease | undefined): FakeRelease["failure"] {
  return release && (state.trouble.get(release.digest) ?? release.failure);
}

export function candidateOf(state: FakeHostState): AgentGeneration | undefined {
  return state.generations.find((one) => one.generation === state.current?.generation);
}

export function createGeneration(
  state: FakeHostState,
  tag: string,
  digest: string,
  as: "starting" | "serving",
): AgentGeneration {
  const one: AgentGeneration = {
    generation: Math.max(0, ...state.generations.map((other) => other.generation)) + 1,
    state: as,
    imageTag: tag,
    imageDigest: null,
    desiredDigest: digest,
    apiPort: 0,
    workerPort: 0,
    apiPid: null,
    workerPid: null,
    healthy: false,
    accepting: false,
    activeJobs: 0,
    restarts: 0,
    startedAt: iso(state),
  };
  if (as === "serving") becomeSound(state, one);
  state.generations.push(one);
  return one;
}

/** Serves, is healthy, and reports what its release says it reports. */
export function becomeSound(state: FakeHostState, one: AgentGeneration): void {
  const reports = releaseOf(state, one.desiredDigest)?.reports;
  Object.assign(one, {
    state: "serving",
    healthy: true,
    imageDigest: reports === undefined ? one.desiredDigest : reports,
  });
}

export function setPhase(state: FakeHostState, phase: AgentDeploy["phase"], message: string, isEnd = false): void {
  if (state.current) Object.assign(state.current, { phase, message, ...(isEnd ? { endedAt: iso(state) } : {}) });
}

export function begin(
  state: FakeHostState,
  order: CommandTo,
  what: { tag: string; digest: string | null; hostOrder: AgentDeploy["order"] },
): void {
  state.current = {
    deployId: order.deployId,
    epoch: order.epoch,
    imageTag: what.tag,
    imageDigest: what.digest,
    order: what.hostOrder,
    generation: null,
    phase: "fetching",
    message: `fetching ${what.tag}`,
    startedAt: iso(state),
    endedAt: null,
    pinned: false,
    timings: {},
  };
}

/** Calls off a procedure: its candidate is ended, what served goes on. */
export function cancel(state: FakeHostState, message: string): void {
  if (!state.current || state.current.endedAt !== null) return;
  state.steps = [];
  const candidate = candidateOf(state);
  if (candidate?.state === "starting") candidate.state = "ended";
  setPhase(state, "superseded", message, true);
}
