import { type DeployView, analysisText } from "@valet/contracts";

/** One thing that became different between two looks at a deploy. */
export type DeployChange =
  | { type: "progress"; text: string; awaitsPromotion: boolean; bakeEndsAt: string | null }
  | { type: "analysis"; text: string; result: NonNullable<DeployView["analysis"]> }
  | { type: "deploy"; state: DeployView["state"]; reason: string; waitingOn: string[] }
  | { type: "host"; sandboxId: string; sandbox: string; step: string; reason: string; activeTaskCount: number | null };

/** What to tell after the look `previous` (null: the first), hosts in their order. */
export function deployChanges(previous: DeployView | null, view: DeployView): DeployChange[] {
  const changes: DeployChange[] = [];
  const before = new Map(previous?.hosts.map((host) => [host.sandboxId, host]));
  const isDeployChanged =
    previous?.state !== view.state ||
    previous.stateReason !== view.stateReason ||
    previous.waitingOn.join("\n") !== view.waitingOn.join("\n");
  const deploy: DeployChange = {
    type: "deploy",
    state: view.state,
    reason: view.stateReason,
    waitingOn: view.waitingOn,
  };
  const isOver = isEnded(view);
  if (isDeployChanged && !isOver) changes.push(deploy);
  changes.push(...courseChanges(previous, view));
  for (const host of view.hosts) {
    const old = before.get(host.sandboxId);
    if (old?.step === host.step && old.reason === host.reason) continue;
    // Before anything has happened there is nothing to say about a host.
    if (!old && host.step === "pending" && host.reason === "") continue;
    const { sandboxId, sandboxName, step, reason, activeTaskCount } = host;
    changes.push({ type: "host", sandboxId, sandbox: sandboxName, step, reason, activeTaskCount });
  }
  // The end is told last.
  if (isDeployChanged && isOver) changes.push(deploy);
  return changes;
}

/** Between the hosts: canary step, bake, switch, promotion, and each look at the canary. Elsewhere the hosts' own lines say it all. */
function courseChanges(previous: DeployView | null, view: DeployView): DeployChange[] {
  const changes: DeployChange[] = [];
  const { text, awaitsPromotion, bakeEndsAt } = view.progress;
  if (courseText(view) !== null && text !== previous?.progress.text) {
    changes.push({ type: "progress", text, awaitsPromotion, bakeEndsAt });
  }
  const result = view.analysis;
  if (result && (result.at !== previous?.analysis?.at || result.look !== previous.analysis.look)) {
    changes.push({ type: "analysis", text: analysisText(result), result });
  }
  return changes;
}

/** Where a canary or a blue-green deploy stands; null where its hosts' steps say it. A pause is the deploy's own line. */
export function courseText({ state, progress }: Pick<DeployView, "state" | "progress">): string | null {
  const hasCourse = progress.phase === "canary" || progress.phase === "switching";
  return hasCourse && state !== "paused" ? progress.text : null;
}

const endStates: readonly DeployView["state"][] = ["completed", "failed", "aborted", "superseded", "rolled_back"];

/** Nothing more happens by itself. */
export function isEnded(view: Pick<DeployView, "state">): boolean {
  return endStates.includes(view.state);
}
