import { testDigest } from "@valet/shared";
import type { GenerationState } from "@valet/shared";
import type { MemoryAttempt, MemoryTaskSandbox } from "../../packages/rollout/src/simulation/tasks/model.ts";
import type { Ref, RefHeartbeat } from "./calls.ts";
import type { HostChange } from "./commands.ts";

/** What runs on a sandbox, as far as the test pretends. */
interface HostGeneration {
  state: GenerationState;
  boot: number;
  reachable: boolean;
  accepting: boolean;
}
export type Host = Map<number, HostGeneration>;

export function changeHost(host: Host, number: number, change: HostChange): void {
  const found = host.get(number);
  if (change === "boot") {
    host.set(number, { state: "serving", boot: (found?.boot ?? 0) + 1, reachable: true, accepting: true });
    return;
  }
  if (!found) return;
  if (change === "restart") found.boot += 1;
  if (change === "end") Object.assign(found, { state: "ended", reachable: false, accepting: false });
  if (change === "silence") found.reachable = false;
  if (change === "answer") found.reachable = found.state !== "ended";
  if (change === "drain") Object.assign(found, { state: "draining", accepting: false });
  if (change === "accept" && found.state !== "ended") Object.assign(found, { state: "serving", accepting: true });
}

export const bootOf = (generation: number, boot: number): string => `boot ${boot} of generation ${generation}`;

/** What a sandbox with this host could report now; how well it reports is a matter of luck, and 0 is perfect. */
export function reportOf(
  host: Host,
  sandbox: MemoryTaskSandbox,
  older: readonly MemoryAttempt[],
  luck: number,
): RefHeartbeat {
  let seed = luck;
  const fails = (percent: number): boolean => {
    if (luck === 0) return false;
    seed = (seed * 48_271 + 11) % 2_147_483_647;
    return seed % 100 < percent;
  };
  const generations = [...host].flatMap(([number, generation]) => {
    if (fails(7)) return [];
    const reachable = generation.reachable && !fails(5);
    return [
      {
        generation: number,
        imageTag: `v${number}`,
        imageDigest: testDigest(["a", "a", "b", "c"][number] ?? "a"),
        state: generation.state,
        reachable,
        workerBootId: reachable ? bootOf(number, generation.boot) : null,
        accepting: generation.accepting,
        spareReady: !fails(35),
        slots: reachable ? slotsOf(sandbox, number, fails) : [],
        attempts: reachable ? runningOf(sandbox, number, generation.boot, luck, fails) : [],
      },
    ];
  });
  const attempts = generations.flatMap((report) => report.attempts).filter(() => !fails(12));
  const foreign = older.filter(() => luck !== 0 && fails(10)).map(refTo);
  return { generations, attempts: [...attempts, ...foreign], agentReachable: !fails(10) };
}

function slotsOf(
  sandbox: MemoryTaskSandbox,
  generation: number,
  fails: (percent: number) => boolean,
): { index: number; state: "closed" | "busy" | "preparing" | "ready" }[] {
  return sandbox.slots.flatMap((slot): ReturnType<typeof slotsOf> => {
    if (slot.generation !== generation) return fails(8) ? [{ index: slot.index, state: "closed" as const }] : [];
    if (fails(6)) return [];
    if (slot.taskId !== null) return [{ index: slot.index, state: "busy" as const }];
    if (fails(20)) return [{ index: slot.index, state: fails(30) ? ("busy" as const) : ("preparing" as const) }];
    return [{ index: slot.index, state: "ready" as const }];
  });
}

/** An attempt of an earlier boot is seldom still there. */
function runningOf(
  sandbox: MemoryTaskSandbox,
  generation: number,
  boot: number,
  luck: number,
  fails: (percent: number) => boolean,
): Ref[] {
  return [...sandbox.open]
    .filter((attempt) => attempt.generation === generation && attempt.acknowledgedAt !== null)
    .filter(({ workerBootId }) => {
      const isOther = workerBootId !== null && workerBootId !== bootOf(generation, boot);
      return isOther ? luck !== 0 && !fails(85) : !fails(12);
    })
    .sort((a, b) => (a.taskId < b.taskId ? -1 : 1))
    .map(refTo);
}

export function refTo({ taskId, fence }: { taskId: string; fence: number }): Ref {
  return { taskId, fence, lease: "right" };
}
