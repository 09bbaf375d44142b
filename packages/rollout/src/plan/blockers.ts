import type { PlanBlocker } from "@valet/contracts";
import { namesOf } from "../decide/hosts.ts";
import { freezeAt, freezeText } from "../freeze.ts";
import { supersedes } from "../policy.ts";
import { blockersOfMigrations } from "../contract-migration.ts";
import { taskEnds } from "./task-ends.ts";
import type { PlanInput } from "./plan-input.ts";
import type { PlannedHost, PlannedHosts } from "./plan-hosts.ts";

type Draft = Omit<PlanBlocker, "until"> & { until?: string | null };

/** What would stop the deploy, and what somebody should know before it starts; whom it waits for is named. */
export function blockersOf(input: PlanInput, planned: PlannedHosts): PlanBlocker[] {
  const found: Draft[] = [
    ...stateBlockers(input),
    ...environmentBlockers(input),
    ...releaseBlockers(input, planned),
    ...hostBlockers(planned.hosts),
  ];
  if (planned.impossible !== null) found.unshift({ kind: "impossible", blocks: true, text: planned.impossible });
  return found.map((one) => ({ ...one, until: one.until ?? null }));
}

function stateBlockers({ deploy, observations, now }: PlanInput): Draft[] {
  const found: Draft[] = [];
  const freeze = deploy.ignoreFreeze ? null : freezeAt(observations.environment.freezes, now);
  if (freeze) {
    const until = freeze.until === null ? null : new Date(freeze.until).toISOString();
    found.push({ kind: "freeze", blocks: true, text: freezeText(freeze), until });
  }
  if (deploy.state === "awaiting_trigger") {
    found.push({ kind: "trigger", blocks: true, text: "it waits for somebody to trigger it" });
  }
  const { approvals, requiredApprovals } = observations.environment;
  const needed = Math.max(requiredApprovals, deploy.state === "awaiting_approval" ? 1 : 0);
  const given = new Set(approvals.map((one) => one.actor).filter((actor) => actor !== deploy.createdBy)).size;
  if (given < needed) {
    const text = `approval by a person other than ${deploy.createdBy}: ${given} of ${needed}`;
    found.push({ kind: "approval", blocks: true, text });
  }
  return found;
}

function environmentBlockers(input: PlanInput): Draft[] {
  const { deploy, observations } = input;
  const { activeDeployId, olderQueuedId } = observations.environment;
  const found: Draft[] = [];
  if (activeDeployId !== null) {
    const text = supersedes(deploy.environment)
      ? `deploy ${activeDeployId} is under way and gives way first: its hosts in the middle of a step settle`
      : `deploy ${activeDeployId} is under way; this one waits for its end`;
    found.push({ kind: "active_deploy", blocks: true, text });
  }
  if (olderQueuedId !== null && !supersedes(deploy.environment)) {
    found.push({ kind: "active_deploy", blocks: true, text: `deploy ${olderQueuedId} was queued before` });
  }
  for (const text of migrationTexts(input)) found.push({ kind: "migration", blocks: true, text });
  return found;
}

/** With the end of each task that is waited for, from what tasks have taken here before. */
function migrationTexts({ observations, openTasks, durations, now }: PlanInput): string[] {
  const { contractMigrations: migrations, lastCompleted: wayBack } = observations.environment;
  if (migrations.length === 0) return [];
  const ends = taskEnds(durations.taskMs);
  const known = new Map(openTasks.map((task) => [task.taskId, task]));
  const endOf = (taskId: string): string | null => {
    const task = known.get(taskId);
    if (!task) return null;
    const inMs = ends.remaining(now - task.startedAt, task.timeoutMs, 0.9);
    return `by about ${new Date(now + inMs).toISOString()}`;
  };
  return blockersOfMigrations({ migrations, sandboxes: observations.sandboxes, wayBack, endOf });
}

function releaseBlockers({ release, deploy }: PlanInput, { draft }: PlannedHosts): Draft[] {
  const found: Draft[] = [];
  if (release.pruned !== null) {
    const text = `the artefact of ${deploy.imageTag} is gone: ${release.pruned}`;
    found.push({ kind: "release", blocks: true, text });
  } else if (!release.isKnown) {
    const text = `nobody has announced ${deploy.imageTag}: whether it can be fetched shows at the first host's pull`;
    found.push({ kind: "release", blocks: false, text });
  }
  const { previousDigest, imageDigest } = draft.deploy;
  if (previousDigest === null || previousDigest === imageDigest) {
    const why = previousDigest === null ? "no release has completed here" : "the release before is this one";
    const text = `nothing to roll back to: ${why}; should it fail, it stays failed`;
    found.push({ kind: "nothing_to_roll_back_to", blocks: false, text });
  }
  return found;
}

function hostBlockers(hosts: readonly PlannedHost[]): Draft[] {
  const found: Draft[] = [];
  const away = hosts.filter((host) => host.action === "skip");
  if (away.length > 0) {
    const text = `${namesOf(away.map((host) => host.step))}: ${away[0]?.text ?? ""}`;
    found.push({ kind: "unreachable", blocks: false, text });
  }
  const waiting = new Map<string, PlannedHost[]>();
  for (const host of hosts) {
    if (host.action !== "wait") continue;
    const known = waiting.get(host.text);
    if (known) known.push(host);
    else waiting.set(host.text, [host]);
  }
  for (const [text, of] of waiting) {
    // One host's own trouble holds up only that host; all of them together hold up the deploy.
    const blocks = of.length === hosts.length;
    found.push({ kind: "host", blocks, text: `${namesOf(of.map((host) => host.step))}: ${text}` });
  }
  const drifted = hosts.filter(({ notes }) => notes.length > 0 && notes.some((note) => note.startsWith("drift")));
  const [first] = drifted;
  if (first) {
    const text = `${namesOf(drifted.map((host) => host.step))}: ${first.notes.join("; ")}`;
    found.push({ kind: "drift", blocks: false, text });
  }
  return found;
}
