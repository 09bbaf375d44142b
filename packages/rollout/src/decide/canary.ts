import { hostsOf, type CanaryStep } from "@valet/shared";
import type { DeployDocument, HostStep } from "../model.ts";
import { say, waitFor, type Draft } from "./draft.ts";
import { isHeldByFreeze } from "./frozen.ts";
import { isJudged, judge } from "./judge.ts";

/** The step a canary is in; null when it is past its steps, leaves them out, or is no canary. */
export function canaryStep({ knobs, course }: Pick<DeployDocument, "knobs" | "course">): CanaryStep | null {
  if (knobs.strategy !== "canary" || course.skipsSteps !== null) return null;
  return knobs.canarySteps[course.step] ?? null;
}

/** `canary step 1 of 3`. */
export function stepText({ knobs, course }: Pick<DeployDocument, "knobs" | "course">): string {
  return `canary step ${course.step + 1} of ${knobs.canarySteps.length}`;
}

/** `1 host, 25 % of its tasks`. */
export function shareText(hosts: number, { taskSharePct }: CanaryStep): string {
  return hosts === 1 ? `1 host, ${taskSharePct} % of its tasks` : `${hosts} hosts, ${taskSharePct} % of their tasks`;
}

/** How many hosts, counted from the first that is not skipped, may have the release by now. */
export function reachOf(deploy: DeployDocument): number {
  const step = canaryStep(deploy);
  return step === null ? deploy.hosts.length : hostsOf(step.hosts, deploy.hosts.length, 1);
}

/** In the order in which they took their places: one that comes back late stands behind those that have begun. */
function canaryHosts(deploy: DeployDocument): HostStep[] {
  const pending = deploy.hosts.filter((host) => host.step === "pending");
  const begun = deploy.hosts.filter((host) => host.step !== "pending" && host.step !== "skipped");
  return [...begun, ...pending].slice(0, reachOf(deploy));
}

/** At most this many of a host's slots may go to the new release now; null: all. A host that stops first has only one release. */
export function capOf({ deploy }: Draft, host: HostStep, slots: number): number | null {
  const isUnderWay = deploy.state === "in_progress" || deploy.state === "paused";
  const isFailing = deploy.engine.kind === "rolling" && deploy.engine.failing !== null;
  const step = canaryStep(deploy);
  if (step === null || host.order === "stop-first" || !isUnderWay || isFailing) return null;
  const cap = Math.max(1, Math.floor((step.taskSharePct / 100) * slots));
  return cap < slots ? cap : null;
}

/** Has as much of the new release as its step gives it. */
const isAtPlace = (host: HostStep): boolean =>
  host.step === "updated" || (host.step === "handing_over" && host.engine.holds);

/** Bakes the step once all its hosts are at their place, lets the analysis judge it, and goes on to the next one. */
export function tendCanary(draft: Draft): void {
  const { deploy, now } = draft;
  const { course } = deploy;
  const step = canaryStep(deploy);
  if (step === null) return;
  const hosts = canaryHosts(deploy);
  const failed = hosts.filter((host) => host.step === "failed");
  const here = hosts.filter(isAtPlace).length;
  const [first] = failed;
  if (first && failed.length === hosts.length) return failCanary(draft, first);
  // It had begun to give way to a newer deploy, which then never came: nobody is left to reach this step.
  const back = hosts.find((host) => host.step === "rolled_back");
  if (back) return failCanary(draft, back, "gave its slots back to a newer deploy, which never began");
  if (here === 0 || here + failed.length < hosts.length) {
    return waitFor(draft, `${stepText(deploy)}: ${here} of ${hosts.length} hosts are at their place`);
  }
  const bakingSince = course.bakingSince ?? beginBake(draft, step, here);
  const verdict = judge(draft);
  if (verdict === "stopped") return;
  if (!course.promoted) {
    if (now < bakingSince + step.bakeMs) return waitFor(draft, bakeText(deploy, bakingSince + step.bakeMs));
    if (verdict === "open" && course.step === deploy.knobs.canarySteps.length - 1) return;
    if (!deploy.knobs.autoPromote) return waitFor(draft, `somebody to promote ${stepText(deploy)}`);
  }
  if (isHeldByFreeze(draft)) return;
  say(draft, `${stepText(deploy)} is passed`, { step: course.step + 1, promoted: course.promoted });
  Object.assign(course, { step: course.step + 1, bakingSince: null, promoted: false });
}

function beginBake(draft: Draft, step: CanaryStep, hosts: number): number {
  const { deploy, now } = draft;
  deploy.course.bakingSince = now;
  if (isJudged(deploy) && deploy.course.analysis === null) {
    deploy.course.analysis = { since: now, results: [] };
    deploy.course.watchedSince = now;
  }
  say(draft, `${stepText(deploy)}: ${shareText(hosts, step)}; bakes for ${step.bakeMs} ms`, {
    step: deploy.course.step + 1,
    hosts,
  });
  return now;
}

function failCanary(draft: Draft, first: HostStep, why?: string): void {
  const { deploy } = draft;
  const told = why ? `${first.name} ${why}` : `every host of it failed; ${first.name}: ${first.reason}`;
  const reason = `${stepText(deploy)}: ${told}`;
  say(draft, reason);
  deploy.engine = { kind: "rolling", failing: reason };
}

export function bakeText(deploy: DeployDocument, until: number): string {
  return `${stepText(deploy)} to bake until ${new Date(until).toISOString()}`;
}

/** What a canary step still waits for before somebody may promote it; null: it waits for nothing but that. */
export function beforePromotion(deploy: DeployDocument, now: number): string | null {
  const { course, knobs } = deploy;
  const step = canaryStep(deploy);
  if (step === null) return null;
  if (course.bakingSince === null) return `${stepText(deploy)} to reach its hosts`;
  if (now < course.bakingSince + step.bakeMs) return bakeText(deploy, course.bakingSince + step.bakeMs);
  const isOpen = isJudged(deploy) && !course.overruled && !course.analysis?.results.at(-1)?.final;
  if (isOpen && course.step === knobs.canarySteps.length - 1) return `the analysis of ${stepText(deploy)}`;
  return knobs.autoPromote ? `nothing: ${stepText(deploy)} goes on by itself` : null;
}
