import { routes } from "@valet/contracts";
import { type DeployRow, type ReleaseRow, type Tx, appendAudit, listReleases, releaseByDigest } from "@valet/db";
import { UserError } from "@valet/shared";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { wishRollback } from "../deploy-intent.ts";
import { foundView } from "../find-deploy.ts";
import { mount } from "../mount.ts";
import { actorOf } from "../principal.ts";
import { forRollback, settingsOf } from "../rollout-settings.ts";
import { type ActionCall, leaveWish, lockedDeploy } from "./deploy-actions.ts";

type RollbackCall = ActionCall & { body: { toDigest?: string | undefined } };

/** Goes back: to the release before this deploy, or to any release that is still known, by its digest. */
export function deployRollbackRoutes(app: FastifyInstance, context: ApiContext): void {
  const { db, clock } = context;
  mount(app, routes.rollbackDeploy, async (call) => {
    const { params, body, principal } = call;
    const id = await db.tx(async (tx) => {
      const watch = await rollBack(tx, call, context);
      const data = { reason: body.reason, watch, ...(body.toDigest ? { toDigest: body.toDigest } : {}) };
      await appendAudit(tx, { actor: actorOf(principal), action: "deploy.rollback", subject: params.id, data });
      return watch;
    });
    return foundView(db, id, clock.now());
  });
}

/** A completed deploy is not reopened: its rollback is a new deploy of the release before it. Answers the deploy to watch. */
async function rollBack(tx: Tx, call: RollbackCall, { config }: ApiContext): Promise<string> {
  const { body, principal } = call;
  const deploy = await lockedDeploy(tx, "rollback", call);
  const release = await targetOf(tx, deploy, body.toDigest);
  if (deploy.state !== "completed") {
    const data = body.toDigest ? { toDigest: release.imageDigest, toTag: release.imageTag } : undefined;
    await leaveWish(tx, "rollback", call, data);
    return deploy.id;
  }
  const { environment, service } = deploy;
  const settings = forRollback(await settingsOf(tx, config.VALET_ROLLOUT_DEFAULTS, { environment, service }));
  const queued = await wishRollback(tx, {
    ...{ environment, service, settings },
    imageTag: release.imageTag,
    imageDigest: release.imageDigest ?? undefined,
    trigger: "rollback",
    actor: actorOf(principal),
    reason: body.reason,
  });
  return queued.id;
}

type Target = Pick<ReleaseRow, "imageTag" | "imageDigest">;

async function targetOf(tx: Tx, deploy: DeployRow, toDigest: string | undefined): Promise<Target> {
  const digest = toDigest ?? deploy.previousDigest;
  if (digest === null) {
    throw new UserError(
      "conflict",
      `There is no earlier release to go back to: this was the first one. Name another with toDigest. ${await knownText(tx, deploy)}`,
    );
  }
  if (toDigest !== undefined && toDigest === deploy.imageDigest) {
    const message = `${toDigest} is what this deploy brings. ${await knownText(tx, deploy)}`;
    throw new UserError("validation", `toDigest: ${message}`, [{ field: "toDigest", message, code: "custom" }]);
  }
  const release = await releaseByDigest(tx, deploy.service, digest);
  if (release?.prunedAt) {
    const why = release.prunedReason ? `: ${release.prunedReason}` : "";
    const gone = `${release.imageTag} (${digest}) was pruned ${release.prunedAt.toISOString()}${why}.`;
    throw new UserError("pruned_release", `${gone} ${await knownText(tx, deploy)}`);
  }
  if (release) return release;
  // Where it came from was proven when it started, whether it has a row of its own or not.
  if (toDigest === undefined || toDigest === deploy.previousDigest) {
    return { imageTag: deploy.previousTag ?? digest, imageDigest: digest };
  }
  const message = `no release of ${deploy.service} with this digest is known. ${await knownText(tx, deploy)}`;
  throw new UserError("validation", `toDigest: ${message}`, [{ field: "toDigest", message, code: "custom" }]);
}

/** What one could go back to instead. */
async function knownText(tx: Tx, deploy: DeployRow): Promise<string> {
  const query = { service: deploy.service, page: 1, pageSize: 50, sortBy: "createdAt", sortOrder: "desc" } as const;
  const known = (await listReleases(tx, query)).rows
    .filter(
      (release) => release.imageDigest !== null && !release.prunedAt && release.imageDigest !== deploy.imageDigest,
    )
    .slice(0, 5)
    .map((release) => `${release.imageTag} ${release.imageDigest}`);
  return known.length > 0 ? `Known: ${known.join(", ")}` : "No other release is known.";
}
