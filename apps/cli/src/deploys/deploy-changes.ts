import type { DeployView } from "@valet/contracts";

/** One thing that became different between two looks at a deploy. */
export type DeployChange =
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

const endStates: readonly DeployView["state"][] = ["completed", "failed", "aborted", "superseded", "rolled_back"];

/** Nothing more happens by itself. */
export function isEnded(view: Pick<DeployView, "state">): boolean {
  return endStates.includes(view.state);
}
