import {
  type DeployRow,
  type ReleaseRow,
  type Tx,
  completedReleaseOfTag,
  createDeploy,
  latestBegunDeploy,
  releaseToGoBackTo,
  setDeployRequest,
  upsertRelease,
} from "@valet/db";
import { type Environment, type Service, UserError, activeDeployStates, deployActions } from "@valet/shared";
import type { RolloutSettings } from "./rollout-settings.ts";
import { unwrap } from "./unwrap.ts";

/** What the API does to deploys: it writes down what is wanted; the control worker alone decides and acts. */
export interface DeployWish {
  environment: Environment;
  service: Service;
  release: ReleaseRow;
  /** `queued` becomes `awaiting_approval` where the environment asks for approvals. */
  state: "awaiting_trigger" | "queued";
  stateReason: string;
  settings: RolloutSettings & { ignoreFreeze?: boolean };
  trigger: string;
  createdBy: string;
  sandboxIds?: string[];
}

export async function wishDeploy(tx: Tx, wish: DeployWish): Promise<DeployRow> {
  const { release, settings, ...rest } = wish;
  if (release.prunedAt) {
    const why = release.prunedReason ? `: ${release.prunedReason}` : "";
    throw new UserError("pruned_release", `The artefact of ${release.imageTag} is gone${why}. Build it again.`);
  }
  const isHeld = wish.state === "queued" && settings.requiredApprovals > 0;
  return createDeploy(tx, {
    ...rest,
    ...settings,
    state: isHeld ? "awaiting_approval" : wish.state,
    releaseId: release.id,
    imageTag: release.imageTag,
    imageDigest: release.imageDigest,
    sandboxIds: wish.sandboxIds ?? null,
  });
}

export interface RollbackWish {
  environment: Environment;
  service: Service;
  /** Where to; null for the last completed release. */
  imageTag: string | null;
  imageDigest?: string | undefined;
  settings: RolloutSettings;
  trigger: string;
  actor: string;
  reason: string;
}

/**
 * Goes back. A deploy under way to something else is told to roll back; otherwise a new deploy of the older release is queued, at
 * once: somebody asked for it. Answers the deploy to watch.
 */
export async function wishRollback(tx: Tx, wish: RollbackWish): Promise<DeployRow> {
  const { environment, service } = wish;
  const latest = await latestBegunDeploy(tx, environment, service);
  const isUnderWay = latest !== undefined && (activeDeployStates as readonly string[]).includes(latest.state);
  if (wish.imageTag === null && latest && isUnderWay) return requestRollback(tx, latest.id, wish);
  // What runs now is no place to go back to; of a deploy that failed, the release completed last is.
  const release = await rollbackTarget(tx, wish, latest?.state === "completed" ? latest.imageDigest : null);
  return wishDeploy(tx, {
    environment,
    service,
    release,
    state: "queued",
    stateReason: `rollback to ${release.imageTag}${wish.reason ? `: ${wish.reason}` : ""}`,
    settings: wish.settings,
    trigger: wish.trigger,
    createdBy: wish.actor,
  });
}

async function requestRollback(tx: Tx, deployId: string, wish: RollbackWish): Promise<DeployRow> {
  const request = { verb: "rollback", actor: wish.actor, reason: wish.reason, at: new Date().toISOString() } as const;
  return unwrap(await setDeployRequest(tx, deployId, request, { from: deployActions.rollback }));
}

async function rollbackTarget(tx: Tx, wish: RollbackWish, notDigest: string | null): Promise<ReleaseRow> {
  const { environment, service } = wish;
  const { imageTag } = wish;
  if (imageTag !== null) {
    // The tag as it was when it was good here: it may have been moved to the bad release since (F11).
    const known = wish.imageDigest
      ? undefined
      : await completedReleaseOfTag(tx, { environment, service, imageTag, notDigest });
    const named = { service, version: imageTag, imageTag, imageDigest: wish.imageDigest ?? null };
    return known ?? upsertRelease(tx, named);
  }
  const release = await releaseToGoBackTo(tx, environment, service, notDigest);
  if (release) return release;
  const message = `no release of ${service} was completed in ${environment} before: give the tag to go to`;
  throw new UserError("validation", `image_tag: ${message}`, [{ field: "image_tag", message, code: "custom" }]);
}
