import type { AnalysisArms, AnalysisAttempt, AnalysisConfig, AnalysisResult } from "../analysis/model.ts";
import { stepAnalysis } from "../analysis/step.ts";

/** One side of a simulated canary: slots that take task after task. */
export interface SimulatedArm {
  slots: number;
  failureRate: number;
  goodMs: number;
  /** How long a task takes that fails; a timeout takes long, a crash hardly any time. */
  badMs: number;
}

/**
 * Plays a canary beside its control until the analysis is final, asking it each `tickMs`. The canary's slots are fresh; the
 * control's are in the middle of a task when it begins, as they are on a fleet at work.
 */
export function playCanary(
  canary: SimulatedArm,
  control: SimulatedArm,
  config: AnalysisConfig,
  random: () => number,
  tickMs = 10_000,
): AnalysisResult {
  const [canarySlots, controlSlots] = [slotsOf(canary, random, false), slotsOf(control, random, true)];
  let state = { since: 0, results: [] as AnalysisResult[] };
  for (let now = 0; ; now += tickMs) {
    const samples: AnalysisArms = {
      canary: { attempts: attemptsAt(canarySlots, now), points: {} },
      control: { attempts: attemptsAt(controlSlots, now), points: {} },
    };
    const step = stepAnalysis({ samples, config, state, elapsedMs: now, now });
    if (step.kind === "wait") continue;
    if (step.result.final) return step.result;
    state = step.state;
  }
}

/** Share of `runs` canaries that end with `verdict`. */
export function shareOf(verdict: AnalysisResult["verdict"], runs: number, play: () => AnalysisResult): number {
  let count = 0;
  for (let run = 0; run < runs; run++) if (play().verdict === verdict) count++;
  return count / runs;
}

interface SimulatedSlot {
  tasks: { outcome: "good" | "bad"; startedAt: number; durationMs: number }[];
  nextTask: () => SimulatedSlot["tasks"][number];
}

function slotsOf(arm: SimulatedArm, random: () => number, isBusy: boolean): SimulatedSlot[] {
  const durationOf = (isBad: boolean): number => (isBad ? arm.badMs : arm.goodMs) * (0.5 + random());
  return Array.from({ length: arm.slots }, () => {
    let freeAt = isBusy ? random() * durationOf(random() < arm.failureRate) : 0;
    const nextTask = (): SimulatedSlot["tasks"][number] => {
      const isBad = random() < arm.failureRate;
      const task = { outcome: isBad ? "bad" : "good", startedAt: freeAt, durationMs: durationOf(isBad) } as const;
      freeAt += task.durationMs;
      return task;
    };
    return { tasks: [nextTask()], nextTask };
  });
}

function attemptsAt(slots: SimulatedSlot[], now: number): AnalysisAttempt[] {
  return slots.flatMap(({ tasks, nextTask }) => {
    for (let last = tasks.at(-1); last && last.startedAt + last.durationMs <= now; last = tasks.at(-1)) {
      tasks.push(nextTask());
    }
    return tasks.filter((task) => task.startedAt <= now).map((task) => asSeen(task, now));
  });
}

function asSeen(task: SimulatedSlot["tasks"][number], now: number): AnalysisAttempt {
  const ranMs = now - task.startedAt;
  return task.durationMs <= ranMs ? task : { ...task, outcome: "running", durationMs: ranMs };
}
