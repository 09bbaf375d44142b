import type { HostOrder, RolloutKnobs } from "@valet/shared";
import { defaultKnobs } from "@valet/shared";
import type { Observation, Observations } from "../observation.ts";
import { freshDeploy, type World } from "../testing/world.ts";
import type { OpenTask, PlanInput } from "./plan-input.ts";

/** When each task of a world began, which its facts do not say. */
export type TaskStarts = ReadonlyMap<string, number>;

/** What the world's hosts and store show at this moment, as the engine would see it. */
export async function lookAt(world: World, deployId: string, tag: string, knobs: Partial<RolloutKnobs>) {
  const draft = freshDeploy(deployId, tag, "staging", { ...defaultKnobs(knobs.order), ...knobs });
  const facts = await world.store.facts(draft);
  const sandboxes = facts.sandboxes.map((one): Observation => {
    const host = world.host(one.name);
    if (host.isReachable) return { kind: "seen", health: host.health(), refusal: null, facts: one };
    return { kind: "unreachable", since: one.unreachableSince ?? 0, why: "no answer", facts: one };
  });
  const observations: Observations = { environment: facts.environment, sandboxes };
  return { draft, observations };
}

/** A plan's input from a world and what was measured in it. */
export async function planInput(
  world: World,
  how: { deployId: string; tag: string; knobs: Partial<RolloutKnobs>; starts?: TaskStarts; taskMs?: readonly number[] },
): Promise<PlanInput> {
  const { draft, observations } = await lookAt(world, how.deployId, how.tag, how.knobs);
  const now = world.clock.now();
  const openTasks = observations.sandboxes.flatMap(({ facts }) =>
    facts.openAttempts.map(({ taskId, requeueable }): OpenTask => ({
      ...{ taskId, requeueable, sandboxId: facts.sandboxId, timeoutMs: null },
      startedAt: how.starts?.get(taskId) ?? now,
    })),
  );
  return {
    ...{ deploy: draft, observations, openTasks, now },
    durations: { changes: changesOf(world), taskMs: how.taskMs ?? [] },
    release: { isKnown: true, pruned: null },
    observedAt: new Map(observations.sandboxes.map((one) => [one.facts.sandboxId, now])),
  };
}

/** As the engine measured them in this world's deploys so far. */
export function changesOf(world: World): { order: HostOrder; ms: number }[] {
  return [...world.store.deploys.values()].flatMap((deploy) =>
    deploy.hosts.flatMap(({ order, oldGeneration, engine }) => {
      const { changeMs } = engine.timings;
      // A first installation is no change: nothing was handed over.
      return changeMs === undefined || oldGeneration === null
        ? []
        : [{ order, ms: changeMs - deploy.knobs.minHealthyMs }];
    }),
  );
}
