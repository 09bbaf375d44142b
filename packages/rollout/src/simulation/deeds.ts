import { canDeployAction, type DeployActionName, type RolloutKnobs } from "@valet/shared";
import type { DeployDocument } from "../model.ts";
import { addDeploy, simAnalysis } from "./deploy-rows.ts";
import type { Deed } from "./script.ts";
import type { World } from "./world.ts";

const operator = "olga";

/** What people and clients do. As at the API, what a deploy's state does not allow is refused there; one in five gets past it. */
export function doDeed(world: World, deed: Deed): void {
  const host = "host" in deed ? deed.host : undefined;
  world.coverage.met(deed.kind, world.store.deploys.values(), host);
  switch (deed.kind) {
    case "new-deploy": {
      const { tag, knobs, awaits, service = "ghosthands", createdBy = "admin" } = deed;
      const asks = { nothing: "queued", trigger: "awaiting_trigger", approval: "awaiting_approval" } as const;
      const isHeld = awaits === "nothing" && (world.script.approvals ?? 0) > 0;
      const state = isHeld ? "awaiting_approval" : asks[awaits];
      addDeploy(world, tag, knobs as RolloutKnobs, { state, analysis: simAnalysis, createdBy, service });
      return;
    }
    case "cordon":
      world.tell(operator, `cordons ${deed.host}`);
      if (!world.tasks.sandboxes.has(deed.host)) return;
      world.tasks.addCordon(deed.host, { holderKind: "operator", holderId: operator, reason: "to look at it" });
      world.laws.cordoned(deed.host, true);
      return;
    case "uncordon":
      liftCordon(world, deed.host);
      return;
    case "submit-tasks":
      for (const task of deed.tasks) submit(world, task);
      return;
    case "cancel-task": {
      const task = world.taskIds.get(deed.task);
      if (task) world.tasks.requestCancel(task, { actor: operator });
      return;
    }
    default:
      ask(world, deed.kind, deed.by);
  }
}

export function liftCordon(world: World, host: string): void {
  if (!world.tasks.sandboxes.has(host)) return;
  world.tell(operator, `uncordons ${host}`);
  world.laws.cordoned(host, false);
  world.tasks.removeCordon(host, { holderKind: "operator", holderId: operator });
}

function submit(world: World, task: Extract<Deed, { kind: "submit-tasks" }>["tasks"][number]): void {
  const spec = {
    steps: task.steps,
    queueTimeoutMs: 86_400_000,
    priority: 0,
    placement: { labels: {} },
    retry: { maxAttempts: 2 },
    restart: task.restart,
  };
  const submitted = world.tasks.submitTask({ tenantId: "tenant", environment: world.script.environment, spec });
  if (!submitted.ok) throw new Error(submitted.error.message);
  world.taskIds.set(task.id, submitted.value.task.id);
  world.steps.set(submitted.value.task.id, task.steps);
}

/** Asks it of the newest deploy that may be asked, else of the newest at all. */
export function ask(world: World, kind: DeployActionName, by = operator): void {
  const all = [...world.store.deploys.values()].reverse();
  const fitting = all.find((one) => canDeployAction(kind, one.state) && one.state !== "completed");
  if (!fitting && kind === "rollback") return rollBackCompleted(world, all);
  const deploy = fitting ?? (world.random.chance(0.2) ? all[0] : undefined);
  if (!deploy || deploy.request !== null) return;
  askOf(world, deploy, kind, by);
}

export function askOf(world: World, deploy: DeployDocument, kind: DeployActionName, by = operator): void {
  world.tell(by, `asks to ${kind} ${deploy.id} (${deploy.state})`);
  if (kind === "resume" || kind === "retry" || kind === "promote") world.laws.wavedOn(deploy.id);
  if (kind === "approve") {
    const approvals = world.store.approvals.get(deploy.id) ?? [];
    world.store.approvals.set(deploy.id, [...approvals, { actor: by, at: world.nowMs }]);
    world.laws.approved(deploy.id, by);
  }
  world.store.request(deploy.id, { kind, actor: by, reason: "" });
}

/** A completed deploy is not reopened: its rollback is a new deploy of the release before. */
function rollBackCompleted(world: World, all: readonly DeployDocument[]): void {
  const done = all.find((one) => one.state === "completed" && one.previousTag !== null && one.previousDigest !== null);
  if (!done || done.previousTag === null) return;
  const { knobs, service, previousTag, previousDigest: imageDigest } = done;
  addDeploy(world, previousTag, knobs, { imageDigest, service, ignoreFreeze: true });
}
