import { type ChildProcess, fork } from "node:child_process";
import { once, setMaxListeners } from "node:events";
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { Agent } from "undici";
import { type Durations, makeDurations } from "./measure.ts";
import { runSimulatedSandbox, sleep } from "./simulated-sandbox.ts";
import { submit, submitLoop } from "./submitter.ts";
import { makeTimedApi } from "./timed-api.ts";

export const phases = ["warm-up", "steady", "outage", "back", "burst"] as const;
export type Phase = (typeof phases)[number];

/** Hosts do not boot in one moment; what comes back together does so after the outage. */
const startWithinMs = 10_000;

export interface LoadInput {
  apiUrl: string;
  adminToken: string;
  /** One sandbox each. */
  tokens: string[];
  slots: number;
}
export interface PhaseResult {
  calls: Record<string, { count: number; p50Ms: number | null; p99Ms: number | null; maxMs: number | null }>;
  /** How late this process' own timers were: what it adds to the figures above. */
  loopDelay: { p99Ms: number; maxMs: number };
}
export interface LoadResult {
  phases: Record<Phase, PhaseResult>;
  failures: Record<string, number>;
}
/** The whole fleet and those who submit, in a process of their own. */
export interface Load {
  phase(phase: Phase): void;
  submitPerSecond(rate: number): void;
  submit(count: number, workMs: number): Promise<void>;
  finish(): Promise<LoadResult>;
  stop(): Promise<void>;
}

type Order =
  | { kind: "phase"; phase: Phase }
  | { kind: "rate"; perSecond: number }
  | { kind: "submit"; count: number; workMs: number }
  | { kind: "finish" };

export async function startLoad(input: LoadInput): Promise<Load> {
  const child: ChildProcess = fork(import.meta.filename, [], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const send = (order: Order) => void child.send(order);
  const ask = async <T>(order: Order): Promise<T> => {
    const answer = once(child, "message", { signal: AbortSignal.timeout(120_000) });
    send(order);
    return ((await answer) as [T])[0];
  };
  const ready = once(child, "message", { signal: AbortSignal.timeout(60_000) });
  child.send(input);
  await ready;
  return {
    phase: (phase) => send({ kind: "phase", phase }),
    submitPerSecond: (perSecond) => send({ kind: "rate", perSecond }),
    submit: async (count, workMs) => void (await ask({ kind: "submit", count, workMs })),
    finish: () => ask({ kind: "finish" }),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

function run(input: LoadInput): void {
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const dispatcher = new Agent({ connections: null, keepAliveTimeout: 60_000, headersTimeout: 60_000 });
  const meters = Object.fromEntries(phases.map((phase) => [phase, makeMeter()])) as Record<Phase, Meter>;
  const failures = new Map<string, number>();
  let phase: Phase = "warm-up";
  meters[phase].delay.enable();
  const timings = {
    onCall: (kind: string, ms: number) => meters[phase].durations.add(kind, ms),
    onFailure(kind: string, reason: string) {
      const key = `${phase}: ${kind}: ${reason}`;
      failures.set(key, (failures.get(key) ?? 0) + 1);
    },
  };
  const to = { apiUrl: input.apiUrl, adminToken: input.adminToken, dispatcher };
  const rate = { perSecond: 0 };
  const working = [
    ...input.tokens.map(async (token) => {
      await sleep(Math.random() * startWithinMs, stop.signal);
      await runSimulatedSandbox({
        ...{ slots: input.slots, signal: stop.signal },
        api: makeTimedApi({ apiUrl: input.apiUrl, token, dispatcher, signal: stop.signal }, timings),
        workMs: ({ spec }) => Number(spec.metadata["workMs"] ?? 1_000),
      });
    }),
    submitLoop(to, rate, stop.signal, (ms) => meters[phase].durations.add("submit", ms)),
  ];
  const obey = async (order: Order): Promise<void> => {
    if (order.kind === "phase") {
      meters[phase].delay.disable();
      phase = order.phase;
      meters[phase].delay.enable();
    } else if (order.kind === "rate") rate.perSecond = order.perSecond;
    else if (order.kind === "submit") {
      for (let n = 0; n < order.count; n += 1) await submit(to, order.workMs);
      process.send?.({});
    } else {
      stop.abort();
      await Promise.all(working);
      await dispatcher.destroy();
      const byPhase = Object.fromEntries(phases.map((one) => [one, resultOf(meters[one])]));
      process.send?.({ phases: byPhase, failures: Object.fromEntries([...failures].sort()) });
    }
  };
  process.on("message", (order: Order) => void obey(order));
  process.send?.({});
}

interface Meter {
  durations: Durations;
  delay: IntervalHistogram;
}

function makeMeter(): Meter {
  return { durations: makeDurations(), delay: monitorEventLoopDelay({ resolution: 5 }) };
}

function resultOf({ durations, delay }: Meter): PhaseResult {
  const kinds = durations.kinds().filter((kind) => kind !== "assignments");
  const round = (nanoseconds: number) => Math.round(nanoseconds / 1e5) / 10;
  return {
    calls: Object.fromEntries(
      kinds.map((kind) => [
        kind,
        {
          count: durations.count(kind),
          p50Ms: durations.percentileMs(kind, 0.5),
          p99Ms: durations.percentileMs(kind, 0.99),
          maxMs: durations.percentileMs(kind, 1),
        },
      ]),
    ),
    loopDelay:
      delay.count === 0 ? { p99Ms: 0, maxMs: 0 } : { p99Ms: round(delay.percentile(99)), maxMs: round(delay.max) },
  };
}

if (process.argv[1] === import.meta.filename) {
  process.once("message", (input: LoadInput) => run(input));
  // The benchmark's end is this one's too, however it came.
  process.once("disconnect", () => process.exit(0));
}
