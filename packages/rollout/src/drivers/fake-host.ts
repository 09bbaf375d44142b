import type { AgentGeneration, AgentHealth } from "@valet/contracts";
import { err, ok, type Clock, type Result } from "@valet/shared";
import type { CommandAnswer, CommandTo, DriverError, HostDriver } from "../driver.ts";
import {
  advance,
  begin,
  cancel,
  createGeneration,
  setPhase,
  type FakeHostState,
  type FakeRelease,
} from "./fake-host-state.ts";
import { planDeploy, rollBack } from "./fake-procedures.ts";

export type { FakeRelease } from "./fake-host-state.ts";

/** An in-memory agent that keeps the contract's promises: ledger first, one procedure at a time, accepted is not done. */
export interface FakeHost {
  readonly sandboxId: string;
  isReachable: boolean;
  /** It can be observed, but commands get lost on the way to it. */
  losesCommands: boolean;
  /** What it says of its memory; nothing when undefined. */
  admission: AgentHealth["admission"];
  readonly epoch: number;
  readonly generations: AgentGeneration[];
  /** Every command that was admitted, in order. */
  readonly admitted: { kind: string; epoch: number }[];
  /** What goes wrong with a release, by digest, on this host alone. */
  readonly trouble: FakeHostState["trouble"];
  health(): AgentHealth;
  driver: HostDriver;
  /** The agent process was killed and came back: an unfinished procedure is gone, the ledger and the generations are not. */
  restart(): void;
  /** Boots a release as the host's serving generation, as if it had always run. */
  install(tag: string): number;
}

export interface FakeHostDeps {
  clock: Clock;
  registry: Map<string, FakeRelease>;
  /** Running jobs of a generation; none when absent. */
  jobsOn?: (generation: number) => number;
}

export function makeFakeHost(sandboxId: string, { clock, registry, jobsOn }: FakeHostDeps): FakeHost {
  const state: FakeHostState = {
    ...{ clock, registry, generations: [], trouble: new Map(), leavesFor: new Map(), current: null, steps: [] },
    isDrained: false,
    jobsOf: (one) => jobsOn?.(one.generation) ?? 0,
  };
  const ledger = { epoch: 0 };
  const admitted: { kind: string; epoch: number }[] = [];
  const line: Pick<FakeHost, "isReachable" | "losesCommands" | "admission"> = {
    ...{ isReachable: true, losesCommands: false },
    admission: undefined,
  };

  /** The ledger is written before anything is done; an epoch that is not newer is refused. */
  async function admit(kind: string, order: CommandTo, act: () => Result<string, DriverError>): Promise<CommandAnswer> {
    if (!line.isReachable || line.losesCommands) return err({ kind: "unreachable", message: "connection refused" });
    advance(state);
    const { epoch } = ledger;
    if (order.epoch <= epoch) {
      return err({ kind: "stale", epoch, message: `epoch ${order.epoch} is not newer than ${epoch}` });
    }
    const acted = act();
    // What is refused for another reason changes nothing, the ledger included.
    if (!acted.ok) return acted;
    ledger.epoch = order.epoch;
    admitted.push({ kind, epoch: order.epoch });
    advance(state);
    return ok({ message: acted.value });
  }

  const health = () => {
    advance(state);
    return { ...healthOf(state, ledger.epoch), ...(line.admission && { admission: line.admission }) };
  };
  return {
    sandboxId,
    generations: state.generations,
    admitted,
    trouble: state.trouble,
    health,
    driver: {
      observe: async () =>
        line.isReachable ? ok(health()) : err({ kind: "unreachable", message: "connection refused" }),
      ...commandsOf(state, admit),
    },
    get isReachable() {
      return line.isReachable;
    },
    set isReachable(value) {
      line.isReachable = value;
    },
    get losesCommands() {
      return line.losesCommands;
    },
    set losesCommands(value) {
      line.losesCommands = value;
    },
    get admission() {
      return line.admission;
    },
    set admission(value) {
      line.admission = value;
    },
    get epoch() {
      return ledger.epoch;
    },
    restart() {
      cancel(state, "the agent was restarted");
      state.current = null;
    },
    install(tag) {
      const release = registry.get(tag);
      if (!release) throw new Error(`the fake registry has no ${tag}`);
      const one = createGeneration(state, tag, release.digest, "serving");
      advance(state);
      return one.generation;
    },
  };
}

type Admit = (kind: string, order: CommandTo, act: () => Result<string, DriverError>) => Promise<CommandAnswer>;

function commandsOf(state: FakeHostState, admit: Admit): Omit<HostDriver, "observe"> {
  return {
    deploy: (order, command) =>
      admit("deploy", order, () => {
        if (state.current && state.current.endedAt === null) {
          return err({ kind: "busy", message: `deploy ${state.current.deployId} is running here` });
        }
        const { image_tag: tag, image_digest: pinned } = command;
        const release = state.registry.get(tag);
        const digest = pinned ?? release?.digest ?? null;
        begin(state, order, { tag, digest, hostOrder: command.order ?? "stop-first" });
        if (!release) setPhase(state, "failed", `the pull of ${tag} failed: not found`, true);
        else if (pinned !== undefined && pinned !== release.digest) {
          setPhase(state, "failed", `tag ${tag} moved: it points at ${release.digest}`, true);
        } else planDeploy(state, command, release);
        return ok(`Deploy of ${tag} initiated`);
      }),
    settle: (order, won) =>
      admit("settle", order, () => {
        for (const one of state.generations) {
          if (one.state === "warm") one.state = "ended";
          if (one.state === "serving" && one.generation < won.generation) one.state = "draining";
        }
        return ok("settling");
      }),
    rollback: (order, to) =>
      admit("rollback", order, () => {
        rollBack(state, order, to.digest);
        return ok("rolling back");
      }),
    drain: (order) =>
      admit("drain", order, () => {
        state.isDrained = true;
        return ok("draining");
      }),
    undrain: (order) =>
      admit("undrain", order, () => {
        state.isDrained = false;
        return ok("accepting");
      }),
    fence: (order) =>
      admit("fence", order, () => {
        cancel(state, "fenced off");
        return ok("fenced");
      }),
    endGeneration: (order, which) =>
      admit("end_generation", order, () => {
        const one = state.generations.find((other) => other.generation === which.generation);
        if (one && (which.force || state.jobsOf(one) === 0)) one.state = "ended";
        return ok("ended");
      }),
  };
}

function healthOf(state: FakeHostState, epoch: number): AgentHealth {
  const serving = state.generations.filter((one) => one.state === "serving");
  const newest = serving.at(-1) ?? null;
  const activeJobs = state.generations.reduce((sum, one) => sum + (one.activeJobs ?? 0), 0);
  return {
    ...{ status: "ok" as const, cpu: 0, memoryTotalMb: 4000, memoryUsedMb: 1000, diskTotalGb: 40, diskUsedGb: 4 },
    ...{ adspowerStatus: "stopped" as const, activeProfiles: 0, uptime: 1, version: "fake" },
    activeWorkers: activeJobs,
    generation: newest?.generation ?? null,
    imageTag: newest?.imageTag ?? null,
    imageDigest: newest?.imageDigest ?? null,
    currentDeploy: state.current && { ...state.current, timings: { ...state.current.timings } },
    deploySafe: activeJobs === 0,
    accepting: serving.some((one) => one.accepting),
    epoch,
    generations: state.generations.map((one) => ({ ...one })),
  };
}

/** One driver over many fake hosts. */
export function makeFakeDriver(hosts: ReadonlyMap<string, FakeHost>): HostDriver {
  const hostOf = (sandboxId: string): HostDriver => {
    const host = hosts.get(sandboxId);
    if (!host) throw new Error(`there is no fake host ${sandboxId}`);
    return host.driver;
  };
  return {
    observe: (sandboxId, signal) => hostOf(sandboxId).observe(sandboxId, signal),
    deploy: (order, command, signal) => hostOf(order.sandboxId).deploy(order, command, signal),
    settle: (order, won, signal) => hostOf(order.sandboxId).settle(order, won, signal),
    rollback: (order, to, signal) => hostOf(order.sandboxId).rollback(order, to, signal),
    drain: (order, signal) => hostOf(order.sandboxId).drain(order, signal),
    undrain: (order, signal) => hostOf(order.sandboxId).undrain(order, signal),
    fence: (order, signal) => hostOf(order.sandboxId).fence(order, signal),
    endGeneration: (order, which, signal) => hostOf(order.sandboxId).endGeneration(order, which, signal),
  };
}
