import type { DeployRequest, HostStep } from "../model.ts";
import { moveDeploy, moveHost, observationOf, ownAll, say, type Draft } from "./draft.ts";
import { isFrozen } from "./frozen.ts";
import { whyImpossible } from "./impossible.ts";
import { migrationBlockers } from "./migrations.ts";
import { goesBackToLast } from "./back.ts";
import { begin, planHosts } from "./start.ts";

/** The failed hosts again, those whose turn never came, and skipped ones that are back. What is updated stays. */
export function retry(draft: Draft, request: DeployRequest, reason: string): void {
  const { deploy } = draft;
  const active = draft.facts.activeDeployId;
  if (active !== null) {
    say(draft, `retry waits for nothing: deploy ${active} is active here; retry once it is over`, { request });
    return;
  }
  const blocker = migrationBlockers(draft)[0];
  if (blocker !== undefined) {
    say(draft, `retry refused: it would wait for ${blocker}`, { request });
    return;
  }
  if (deploy.startedAt === null) return startAfterAll(draft, request, reason);
  moveDeploy(draft, "in_progress", reason);
  deploy.engine = { kind: "rolling", failing: null };
  deploy.endedAt = null;
  goesBackToLast(draft);
  // A canary is watched anew: what it was judged by has ended with the deploy.
  Object.assign(deploy.course, { bakingSince: null, promoted: false, analysis: null, watchedSince: null });
  for (const host of ownAll(draft)) {
    if (!isToRetry(draft, host)) continue;
    host.engine.absent = false;
    moveHost(draft, host, "pending", "to be tried again");
  }
}

function isToRetry(draft: Draft, host: HostStep): boolean {
  if (host.step === "failed") return true;
  return host.step === "skipped" && (!host.engine.absent || observationOf(draft, host)?.kind === "seen");
}

/** It was refused before it began: the same question again. */
function startAfterAll(draft: Draft, request: DeployRequest, reason: string): void {
  const { deploy } = draft;
  if (isFrozen(draft)) {
    say(draft, `retry refused: a freeze is on, and it never started; queue it anew`, { request });
    return;
  }
  const hosts = planHosts(draft);
  const impossible = whyImpossible(deploy, hosts);
  if (impossible !== null) {
    say(draft, `retry refused: ${impossible}`, { request });
    return;
  }
  goesBackToLast(draft);
  deploy.endedAt = null;
  moveDeploy(draft, "in_progress", reason);
  begin(draft, hosts);
}
