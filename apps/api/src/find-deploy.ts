import type { DeployView } from "@valet/contracts";
import { type DeployRow, type Sql, loadDeploy } from "@valet/db";
import { type DeployActionName, type DeployState, UserError, deployActionsFor } from "@valet/shared";
import { loadDeployView } from "./views/deploy-view.ts";

export async function foundDeploy(sql: Sql, id: string): Promise<DeployRow> {
  const deploy = await loadDeploy(sql, id);
  if (!deploy) throw unknownDeploy(id);
  return deploy;
}

export async function foundView(sql: Sql, id: string, now: number): Promise<DeployView> {
  const view = await loadDeployView(sql, id, now);
  if (!view) throw unknownDeploy(id);
  return view;
}

export function unknownDeploy(id: string): UserError {
  return new UserError("not_found", `There is no deploy ${id}.`);
}

/** 409 that names the state, and what may be asked in it. */
export function notNow(action: DeployActionName, state: DeployState): UserError {
  const allowed = deployActionsFor(state);
  const rest =
    allowed.length > 0 ? `What may be done now: ${allowed.join(", ")}.` : "Nothing may be done to it any more.";
  return new UserError("illegal_transition", `A deploy that is ${state} cannot ${action}. ${rest}`);
}
