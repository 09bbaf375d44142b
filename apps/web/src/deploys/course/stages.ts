import type { DeployView } from "@valet/contracts";
import { assertNever, hostsOf, type HostCount } from "@valet/shared";
import { spanWords, type TrackMark } from "@valet/ui";

/** One stage of a deploy's way, as the strip draws it. `endsAt`: when its bake is over. */
export interface CourseStage {
  key: string;
  title: string;
  mark: TrackMark;
  lines: string[];
  endsAt: string | null;
}

/** The stages of a deploy by its strategy, each with how far it is. */
export function stagesOf(deploy: DeployView): CourseStage[] {
  const stages = [...strategyStages(deploy), settleStage(deploy)];
  const isBack =
    deploy.state === "rolling_back" || deploy.state === "rollback_paused" || deploy.state === "rolled_back";
  return isBack ? [...stages.filter((stage) => stage.mark !== "ahead"), backStage(deploy)] : stages;
}

function strategyStages(deploy: DeployView): CourseStage[] {
  const { strategy } = deploy.knobs;
  switch (strategy) {
    case "canary":
      return [...(leavesStepsOut(deploy) ? [] : canaryStages(deploy)), rollStage(deploy, "The rest")];
    case "blue-green":
      return blueGreenStages(deploy);
    case "rolling":
      return [rollStage(deploy, "Host by host")];
    default:
      return assertNever(strategy);
  }
}

/** A canary that goes everywhere at once: its release is still warm, or there is nothing to compare it with. */
export function leavesStepsOut({ knobs, progress }: DeployView): boolean {
  return knobs.strategy === "canary" && progress.stepsTotal === 0 && progress.phase !== "waiting";
}

function canaryStages(deploy: DeployView): CourseStage[] {
  const { canarySteps } = deploy.knobs;
  const at = deploy.progress.step ?? reachedStep(deploy);
  return canarySteps.map((step, index): CourseStage => {
    const hosts = deploy.hostsTotal > 0 ? hostsOf(step.hosts, deploy.hostsTotal, 1) : step.hosts;
    const isHere = deploy.progress.step === index + 1;
    return {
      key: `step-${index}`,
      title: `Step ${index + 1}`,
      mark: index + 1 < at ? "done" : index + 1 > at ? "ahead" : isHere ? "current" : endMark(deploy),
      lines: [stepReach(hosts, step.taskSharePct), `bakes ${spanWords(step.bakeMs)}`],
      endsAt: isHere ? deploy.progress.bakeEndsAt : null,
    };
  });
}

function stepReach(hosts: HostCount, sharePct: number): string {
  if (hosts === 1) return `1 host, ${sharePct} % of its tasks`;
  const many = typeof hosts === "number" ? `${hosts} hosts` : `${hosts.replace("%", " %")} of the hosts`;
  return `${many}, ${sharePct} % of their tasks`;
}

/** Outside its steps a deploy does not say which one it came to: its journal does. Past them all: one more. */
function reachedStep(deploy: DeployView): number {
  const { phase } = deploy.progress;
  const total = deploy.knobs.canarySteps.length;
  if (phase === "waiting") return 0;
  if (phase === "rolling" || phase === "baking" || deploy.state === "completed") return total + 1;
  const steps = deploy.decisions.map(({ summary, data }) =>
    typeof data["step"] === "number" ? data["step"] + (summary.endsWith("is passed") ? 1 : 0) : 0,
  );
  return Math.max(deploy.startedAt === null ? 0 : 1, ...steps);
}

function blueGreenStages(deploy: DeployView): CourseStage[] {
  const { phase, awaitsPromotion } = deploy.progress;
  const ready = deploy.hosts.filter(isVerified).length;
  const total = deploy.hosts.filter((host) => host.step !== "skipped").length;
  const hasSwitched =
    phase === "rolling" || phase === "baking" || deploy.hosts.some((host) => took.includes(host.step));
  const isReady = ready === total && total > 0;
  const isBefore = phase === "switching" && !hasSwitched;
  return [
    {
      key: "verify",
      title: "Verify beside",
      mark: hasSwitched || (isBefore && isReady) ? "done" : isBefore ? "current" : ownMark(deploy),
      lines: [`${ready} of ${total} hosts verified`, "no task on it yet"],
      endsAt: null,
    },
    {
      key: "switch",
      title: "Switch",
      mark: hasSwitched ? "done" : isBefore && isReady ? "current" : "ahead",
      lines: ["all hosts at once", awaitsPromotion ? "waits for promote" : switchText(deploy)],
      endsAt: null,
    },
    { ...rollStage(deploy, "Hand over"), mark: hasSwitched ? rollMark(deploy) : "ahead" },
  ];
}

const took: readonly string[] = ["handing_over", "updated"];

const switchText = ({ knobs }: DeployView): string => (knobs.autoPromote ? "by itself" : "by promote");

function isVerified(host: DeployView["hosts"][number]): boolean {
  return took.includes(host.step) || (host.step === "verifying" && / is verified\b/.test(host.message || host.reason));
}

function rollStage(deploy: DeployView, title: string): CourseStage {
  const { hostsUpdated, hostsTotal, hostsFailed, knobs } = deploy;
  const how = knobs.strategy === "blue-green" ? "as slots fall free" : `${parallelText(knobs.maxParallel)} at once`;
  const failed = hostsFailed > 0 ? `, ${hostsFailed} failed` : "";
  return {
    key: "roll",
    title,
    mark: rollMark(deploy),
    lines: [
      hostsTotal === 0 ? "hosts are chosen at the start" : `${hostsUpdated} of ${hostsTotal} updated${failed}`,
      how,
    ],
    endsAt: null,
  };
}

const parallelText = (count: DeployView["knobs"]["maxParallel"]): string =>
  typeof count === "number" ? `${count} ${count === 1 ? "host" : "hosts"}` : count.replace("%", " %");

function rollMark(deploy: DeployView): TrackMark {
  const { phase } = deploy.progress;
  if (phase === "baking" || deploy.state === "completed") return "done";
  if (phase === "rolling") return "current";
  if (phase === "waiting" || phase === "canary" || phase === "switching") return "ahead";
  if (deploy.knobs.strategy === "canary" && reachedStep(deploy) <= deploy.knobs.canarySteps.length) return "ahead";
  return ownMark(deploy);
}

function settleStage(deploy: DeployView): CourseStage {
  const mark = deploy.state === "completed" ? "done" : deploy.progress.phase === "baking" ? "current" : "ahead";
  const healthy = `healthy for ${spanWords(deploy.knobs.minHealthyMs)}`;
  return { key: "settle", title: "Settle", mark, lines: ["last old tasks end", healthy], endsAt: null };
}

function backStage(deploy: DeployView): CourseStage {
  const back = deploy.hosts.filter((host) => host.step === "rolled_back").length;
  const total = back + deploy.hosts.filter((host) => host.step === "rolling_back" || host.step === "failed").length;
  const mark = deploy.state === "rolled_back" ? "done" : deploy.state === "rollback_paused" ? "failed" : "current";
  const to = deploy.previousTag ?? "the last completed release";
  return { key: "back", title: "Go back", mark, lines: [`${back} of ${total} hosts back`, `to ${to}`], endsAt: null };
}

/** The stage in which a deploy ended or turned back. */
function endMark({ state }: DeployView): TrackMark {
  if (state === "failed") return "failed";
  return state === "completed" ? "done" : "undone";
}

function ownMark(deploy: DeployView): TrackMark {
  return deploy.startedAt === null ? "ahead" : endMark(deploy);
}
