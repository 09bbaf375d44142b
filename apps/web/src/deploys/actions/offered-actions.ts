import type { DeployView } from "@valet/contracts";
import { deployActionsFor, type DeployActionName, type Role } from "@valet/shared";

export interface Person {
  tenantId: string;
  role: Role;
  name: string;
}

export interface OfferedAction {
  action: DeployActionName;
  /** Why it cannot be done by this person; null: it can. */
  whyNot: string | null;
}

/** What the state allows, less what would be refused at once: promote only when it is waited for. */
export function offeredActions(deploy: DeployView, person: Person | undefined): OfferedAction[] {
  return deployActionsFor(deploy.state)
    .filter((action) => action !== "promote" || deploy.progress.awaitsPromotion || deploy.state === "baking")
    .map((action) => ({ action, whyNot: action === "approve" ? whyNotApprove(deploy, person) : null }));
}

function whyNotApprove(deploy: DeployView, person: Person | undefined): string | null {
  if (person === undefined) return null;
  if (isPerson(deploy.createdBy, person)) return "You asked for this deploy: another person must approve it.";
  const hasApproved = deploy.approvals.given.some(({ actor }) => isPerson(actor, person));
  return hasApproved ? "You have approved it: another person must do so too." : null;
}

/** Actors are `role:tenant/name`; the same person may come with another role. */
function isPerson(actor: string, { tenantId, name }: Person): boolean {
  return actor.slice(actor.indexOf(":") + 1) === `${tenantId}/${name}`;
}
