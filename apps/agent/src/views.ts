import type { AgentGeneration, AgentHealth } from "@valet/contracts";
import type { OpenHost } from "@valet/rollout/host";
import type { SystemFacts } from "./system-facts.ts";
import { isBooting } from "./worker-sum.ts";

export interface Views {
  health(): Promise<AgentHealth>;
  generations(): Promise<AgentGeneration[]>;
}

/** What the agent says about its host, asked of the processes at that moment. */
export function makeViews(
  open: OpenHost,
  readSystem: () => Promise<SystemFacts>,
  version: string,
  uptimeMs: () => number,
  generationMemoryMb = 0,
): Views {
  const { generations } = open.host;

  /** Newest first, those that ended last. */
  async function list(): Promise<AgentGeneration[]> {
    const views = await Promise.all(generations.all().map((record) => generations.view(record)));
    const rank = (view: AgentGeneration) => (view.state === "ended" ? 1 : 0);
    return views.sort((a, b) => rank(a) - rank(b) || b.generation - a.generation);
  }

  return {
    generations: list,
    async health() {
      const [facts, all] = await Promise.all([readSystem(), list()]);
      const live = all.filter(({ state }) => state !== "ended");
      const serving = live.filter(({ state }) => state === "serving");
      const front = serving.find(({ accepting }) => accepting) ?? serving[0] ?? null;
      const counted = live.filter(({ state, activeJobs }) => !isBooting(state, activeJobs === null));
      const activeWorkers = counted.reduce<number | null>(
        (sum, { activeJobs }) => (sum === null || activeJobs === null ? null : sum + activeJobs),
        0,
      );
      return {
        status: live.every(({ healthy, state }) => healthy || state === "starting") ? "ok" : "degraded",
        ...facts,
        activeWorkers,
        uptime: Math.round(uptimeMs() / 1000),
        version,
        generation: front?.generation ?? null,
        imageTag: front?.imageTag ?? null,
        imageDigest: front?.imageDigest ?? null,
        currentDeploy: open.deployer.running() ?? open.deployer.latest() ?? null,
        deploySafe: activeWorkers === 0,
        accepting: serving.some(({ accepting }) => accepting),
        epoch: open.ledger.current(),
        generations: all,
        sandboxId: open.host.config.sandboxId,
        ...(generationMemoryMb > 0 ? { admission: admissionOf(facts, generationMemoryMb) } : {}),
      };
    },
  };
}

/** Whether one more generation fits into the memory that nobody uses now. */
export function admissionOf(
  { memoryTotalMb, memoryUsedMb }: Pick<SystemFacts, "memoryTotalMb" | "memoryUsedMb">,
  neededMb: number,
): NonNullable<AgentHealth["admission"]> {
  const freeMb = Math.max(0, memoryTotalMb - memoryUsedMb);
  return { admits: freeMb >= neededMb, neededMb, freeMb };
}
