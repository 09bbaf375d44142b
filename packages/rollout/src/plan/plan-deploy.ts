import type { DeployPlan, PlanHost } from "@valet/contracts";
import { blockersOf } from "./blockers.ts";
import { estimate } from "./estimate.ts";
import type { PlanInput } from "./plan-input.ts";
import { plannedHosts, type PlannedHost } from "./plan-hosts.ts";
import { planRevision } from "./revision.ts";
import { risksOf } from "./risks.ts";
import { taskEnds } from "./task-ends.ts";
import { tasksByHost } from "./tasks-by-host.ts";
import { lanesOf, stagesOf, wavesOf } from "./waves.ts";

/**
 * What a deploy would do if it began now: hosts, waves and reasons by the rules of `decide` itself, times from what changes and
 * tasks have taken here before. Pure; the same input gives the same plan.
 */
export function planDeploy(input: PlanInput): DeployPlan {
  const { deploy, durations, openTasks, now } = input;
  const planned = plannedHosts(input);
  const { hosts } = planned;
  const blockers = blockersOf(input, planned);
  const revision = planRevision(planned, blockers);
  const stages = stagesOf(planned);
  const lanes = lanesOf(planned);
  const waves = wavesOf(stages, lanes);
  const ends = taskEnds(durations.taskMs);
  const tasks = tasksByHost(hosts, openTasks, now);
  let slots = 0;
  for (const host of hosts) slots += host.slots;
  const busyShare = slots === 0 ? 0 : openTasks.length / slots;
  const seed = Number.parseInt(revision.replaceAll("-", "").slice(2, 10), 16);
  const times = estimate({
    deploy: planned.draft.deploy,
    stages,
    lanes,
    durations,
    hosts,
    ends,
    tasks,
    busyShare,
    seed,
  });
  const risks = risksOf({ hosts, tasks, ends, knobs: deploy.knobs, drainsAt: times.drainsAt });
  for (const [place, wave] of waves.entries()) for (const host of wave.hosts) host.wave = place + 1;
  return {
    revision,
    plannedAt: new Date(now).toISOString(),
    environment: deploy.environment,
    service: deploy.service,
    imageTag: deploy.imageTag,
    imageDigest: deploy.imageDigest,
    previousTag: planned.draft.deploy.previousTag,
    strategy: deploy.knobs.strategy,
    state: deploy.id === "" ? null : deploy.state,
    hosts: hosts.map((host) => hostView(input, host)),
    waves: waves.map(({ stage, hosts: of }, place) => ({
      wave: place + 1,
      text: stage.text,
      hosts: of.length,
      sandboxNames: of.slice(0, 20).map((host) => host.step.name),
      // Baked once, after the stage's last wave.
      bakeMs: waves[place + 1]?.stage === stage ? 0 : stage.bakeMs,
      waitsForPromotion: waves[place + 1]?.stage !== stage && stage.waitsForPromotion,
    })),
    blockers,
    openTasks: openTasks.length,
    tasksAtRisk: risks.listed,
    tasksAtRiskTotal: risks.total,
    eta: {
      newWorkOnNewVersion: times.newWork,
      lastOldTaskEnded: times.lastOldTask,
      basis: basisText(times.measuredChanges, ends.measured),
      measuredChanges: times.measuredChanges,
      measuredTasks: ends.measured,
      without: withoutOf(
        input,
        stages.some((stage) => stage.waitsForPromotion),
        blockers,
      ),
    },
  };
}

function hostView({ observedAt, now }: PlanInput, host: PlannedHost): PlanHost {
  const { step, action, text, notes, tasks, memory, wave } = host;
  const at = observedAt.get(step.sandboxId);
  return {
    sandboxId: step.sandboxId,
    sandboxName: step.name,
    wave,
    order: step.order,
    action,
    text,
    notes,
    tasks,
    memory,
    observedAgoMs: at === undefined ? null : Math.max(0, now - at),
  };
}

function basisText(changes: number, tasks: number): string {
  const ofChanges = changes > 0 ? `${changes} measured host changes` : "no host change was measured here yet: assumed";
  return `${ofChanges}; ${tasks > 0 ? `${tasks} measured tasks` : "no task was measured here yet: assumed"}`;
}

function withoutOf({ deploy }: PlanInput, isPromoted: boolean, blockers: DeployPlan["blockers"]): string[] {
  const without: string[] = [];
  if (isPromoted) without.push("the time until a person promotes");
  if (deploy.knobs.strategy === "canary" && deploy.knobs.analyse) {
    without.push("what the analysis takes beyond the bake, until it has seen enough tasks");
  }
  if (blockers.some((one) => one.blocks)) without.push("the time until what blocks it is out of the way");
  if (deploy.knobs.drainDeadlineAction === "pause") without.push("pauses at a drain deadline");
  return without;
}
