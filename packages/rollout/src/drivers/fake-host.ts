import type { AgentDeploy, AgentDeployCommand, AgentGeneration, AgentHealth } from "@valet/contracts";
import { err, ok, type Clock, type Result } from "@valet/shared";
import type { CommandAnswer, CommandTo, DriverError, HostDriver } from "../driver.ts";

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

/** An in-memory agent that keeps the contract's promises: ledger first, one procedure at a time, accepted is not done. */
export interface FakeHost {
  readonly sandboxId: string;
  isReachable: boolean;
  /** It can be observed, but commands get lost on the way to it. */
  losesCommands: boolean;
  readonly epoch: number;
  readonly generations: AgentGeneration[];
  /** Every command that was admitted, in order. */
  readonly admitted: { kind: string; epoch: number }[];
  /** Running jobs of a generation. */
  setJobs(generation: number, jobs: number): void;
  health(): AgentHealth;
  driver: HostDriver;
  /** The agent process was killed and came back: an unfinished procedure is gone, the ledger and the generations are not. */
  restart(): void;
  /** What goes wrong with a release, by digest, on this host alone. */
  readonly trouble: Map<string, NonNullable<FakeRelease["failure"]>>;
  /** Boots a release as the host's serving generation, as if it had always run. */
  install(tag: string): number;
}

interface Step {
  atMs: number;
  run(): void;
}

export function makeFakeHost(
  sandboxId: string,
  deps: { clock: Clock; registry: Map<string, FakeRelease>; capacityTaken?: (generation: number) => number },
): FakeHost {
  const { clock, registry } = deps;
  const generations: AgentGeneration[] = [];
  const admitted: { kind: string; epoch: number }[] = [];
  let epoch = 0;
  let current: AgentDeploy | null = null;
  let steps: Step[] = [];
  let isDrained = false;
  let isReachable = true;
  let losesCommands = false;

  const trouble = new Map<string, NonNullable<FakeRelease["failure"]>>();
  const failureOf = (release: FakeRelease | undefined) => release && (trouble.get(release.digest) ?? release.failure);
  const iso = () => new Date(clock.now()).toISOString();
  const jobsOf = (one: AgentGeneration): number => deps.capacityTaken?.(one.generation) ?? one.activeJobs ?? 0;
  const releaseOf = (digest: string) => [...registry.values()].find((release) => release.digest === digest);

  function advance(): void {
    for (;;) {
      const next = steps[0];
      if (!next || next.atMs > clock.now()) break;
      steps.shift();
      next.run();
    }
    for (const one of generations) {
      one.activeJobs = one.state === "ended" ? 0 : jobsOf(one);
      if (one.state === "draining" && one.activeJobs === 0) one.state = leavesFor.get(one.generation) ?? "warm";
      one.accepting = one.state === "serving" && !isDrained;
      if (one.state === "ended") one.healthy = false;
    }
  }

  const leavesFor = new Map<number, "warm" | "ended">();

  function create(tag: string, digest: string, state: AgentGeneration["state"]): AgentGeneration {
    const release = releaseOf(digest);
    const one: AgentGeneration = {
      generation: Math.max(0, ...generations.map((other) => other.generation)) + 1,
      state,
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
      startedAt: iso(),
    };
    if (state === "serving") {
      one.healthy = true;
      one.imageDigest = release?.reports === undefined ? digest : release.reports;
    }
    generations.push(one);
    return one;
  }

  function setPhase(phase: AgentDeploy["phase"], message: string, isEnd = false): void {
    if (current) Object.assign(current, { phase, message, ...(isEnd ? { endedAt: iso() } : {}) });
  }

  function begin(order: CommandTo, tag: string, digest: string | null, hostOrder: AgentDeploy["order"]): void {
    current = {
      deployId: order.deployId,
      epoch: order.epoch,
      imageTag: tag,
      imageDigest: digest,
      order: hostOrder,
      generation: null,
      phase: "fetching",
      message: `fetching ${tag}`,
      startedAt: iso(),
      endedAt: null,
      pinned: false,
      timings: {},
    };
  }

  /** Calls off a procedure: its candidate is ended, what served goes on. */
  function cancel(message: string): void {
    if (!current || current.endedAt !== null) return;
    steps = [];
    const candidate = generations.find((one) => one.generation === current?.generation);
    if (candidate?.state === "starting") candidate.state = "ended";
    setPhase("superseded", message, true);
  }

  function planDeploy(command: AgentDeployCommand, release: FakeRelease): void {
    const healthyDeadlineMs = command.healthy_deadline_ms ?? 60_000;
    const fetchedAt = clock.now() + (release.fetchMs ?? 0);
    const bootMs = release.bootMs ?? 0;
    const previous = command.previous_digest;
    const isStopFirst = (command.order ?? "stop-first") === "stop-first";
    const before = generations.filter((one) => one.state !== "ended");
    const fail = (message: string) => {
      const candidate = generations.find((one) => one.generation === current?.generation);
      if (candidate) candidate.state = "ended";
      if (isStopFirst && candidate && previous !== undefined) {
        create(command.image_tag, previous, "serving");
        isDrained = false;
        setPhase("rolled_back", message, true);
      } else setPhase("failed", message, true);
    };
    steps = [
      {
        atMs: fetchedAt,
        run() {
          const failure = failureOf(release);
          if (failure?.phase === "fetching") return abandon(() => fail(failure.message));
          if (isStopFirst) for (const one of before) one.state = "ended";
          const candidate = create(command.image_tag, release.digest, "starting");
          Object.assign(current ?? {}, { generation: candidate.generation, imageDigest: release.digest });
          setPhase("starting", `starting generation ${candidate.generation}`);
        },
      },
      {
        atMs: fetchedAt + Math.min(bootMs, healthyDeadlineMs),
        run() {
          if (bootMs > healthyDeadlineMs) {
            return abandon(() => fail(`not healthy within ${healthyDeadlineMs} ms`));
          }
          setPhase("verifying", "verifying");
          const failure = failureOf(release);
          if (failure?.phase === "verifying") abandon(() => fail(failure.message));
        },
      },
      {
        atMs: fetchedAt + bootMs + (command.min_healthy_ms ?? 0),
        run() {
          const candidate = generations.find((one) => one.generation === current?.generation);
          if (candidate) {
            candidate.state = "serving";
            candidate.healthy = true;
            candidate.imageDigest = release.reports === undefined ? release.digest : release.reports;
          }
          if (isStopFirst) isDrained = false;
          setPhase(isStopFirst ? "serving" : "verified", "verified", true);
        },
      },
    ];
  }

  function abandon(end: () => void): void {
    steps = [];
    end();
  }

  function rollBack(order: CommandTo, digest: string): void {
    cancel("a rollback took over");
    begin(order, digest, digest, "start-first");
    isDrained = false;
    setPhase("rolling_back", "going back");
    const release = releaseOf(digest);
    const serve = () => {
      const living = generations.find((one) => one.desiredDigest === digest && one.state !== "ended");
      const back = living ?? create(digest, digest, "serving");
      Object.assign(back, { state: "serving", healthy: true, imageDigest: digest });
      for (const one of generations) {
        if (one === back || one.state !== "serving") continue;
        one.state = "draining";
        leavesFor.set(one.generation, "ended");
      }
      setPhase("rolled_back", `serves again as generation ${back.generation}`, true);
    };
    const failure = failureOf(release);
    steps = [
      {
        atMs: clock.now(),
        run: () => (failure ? setPhase("failed", failure.message, true) : serve()),
      },
    ];
  }

  /** The ledger is written before anything is done; an epoch that is not newer is refused. */
  async function admit(kind: string, order: CommandTo, act: () => Result<string, DriverError>): Promise<CommandAnswer> {
    if (!isReachable || losesCommands) return err({ kind: "unreachable", message: "connection refused" });
    advance();
    if (order.epoch <= epoch) {
      return err({ kind: "stale", epoch, message: `epoch ${order.epoch} is not newer than ${epoch}` });
    }
    const before = epoch;
    epoch = order.epoch;
    const acted = act();
    if (!acted.ok) {
      epoch = before;
      return acted;
    }
    admitted.push({ kind, epoch: order.epoch });
    advance();
    return ok({ message: acted.value });
  }

  const driver: HostDriver = {
    async observe() {
      return isReachable ? ok(health()) : err({ kind: "unreachable", message: "connection refused" });
    },
    deploy: (order, command) =>
      admit("deploy", order, () => {
        if (current && current.endedAt === null) {
          return err({ kind: "busy", message: `deploy ${current.deployId} is running here` });
        }
        const release = registry.get(command.image_tag);
        begin(order, command.image_tag, command.image_digest ?? release?.digest ?? null, command.order ?? "stop-first");
        if (!release) setPhase("failed", `the pull of ${command.image_tag} failed: not found`, true);
        else if (command.image_digest !== undefined && command.image_digest !== release.digest) {
          setPhase("failed", `tag ${command.image_tag} moved: it points at ${release.digest}`, true);
        } else planDeploy(command, release);
        return ok(`Deploy of ${command.image_tag} initiated`);
      }),
    settle: (order, won) =>
      admit("settle", order, () => {
        for (const one of generations) {
          if (one.state === "warm") one.state = "ended";
          if (one.state === "serving" && one.generation < won.generation) one.state = "draining";
        }
        return ok("settling");
      }),
    rollback: (order, to) =>
      admit("rollback", order, () => {
        rollBack(order, to.digest);
        return ok("rolling back");
      }),
    drain: (order) => admit("drain", order, () => ok(((isDrained = true), "draining"))),
    undrain: (order) => admit("undrain", order, () => ok(((isDrained = false), "accepting"))),
    fence: (order) =>
      admit("fence", order, () => {
        cancel("fenced off");
        return ok("fenced");
      }),
    endGeneration: (order, which) =>
      admit("end_generation", order, () => {
        const one = generations.find((other) => other.generation === which.generation);
        if (one && (which.force || jobsOf(one) === 0)) one.state = "ended";
        return ok("ended");
      }),
  };

  function health(): AgentHealth {
    advance();
    const serving = generations.filter((one) => one.state === "serving");
    const newest = serving.at(-1) ?? null;
    const active = generations.reduce((sum, one) => sum + (one.activeJobs ?? 0), 0);
    return structuredClone({
      status: "ok" as const,
      cpu: 0,
      memoryTotalMb: 4000,
      memoryUsedMb: 1000,
      diskTotalGb: 40,
      diskUsedGb: 4,
      adspowerStatus: "stopped" as const,
      activeProfiles: 0,
      activeWorkers: active,
      uptime: 1,
      version: "fake",
      generation: newest?.generation ?? null,
      imageTag: newest?.imageTag ?? null,
      imageDigest: newest?.imageDigest ?? null,
      currentDeploy: current,
      deploySafe: active === 0,
      accepting: serving.some((one) => one.accepting),
      epoch,
      generations,
    });
  }

  return {
    sandboxId,
    get isReachable() {
      return isReachable;
    },
    set isReachable(value) {
      isReachable = value;
    },
    get losesCommands() {
      return losesCommands;
    },
    set losesCommands(value) {
      losesCommands = value;
    },
    get epoch() {
      return epoch;
    },
    generations,
    admitted,
    trouble,
    setJobs(generation, jobs) {
      const one = generations.find((other) => other.generation === generation);
      if (one) one.activeJobs = jobs;
    },
    health,
    driver,
    restart() {
      cancel("the agent was restarted");
      current = null;
    },
    install(tag) {
      const release = registry.get(tag);
      if (!release) throw new Error(`the fake registry has no ${tag}`);
      const one = create(tag, release.digest, "serving");
      advance();
      return one.generation;
    },
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
