import { type KnobsOverride, emptyEnvironmentConfig, environmentConfigSchema, settingsFor } from "@valet/contracts";
import {
  type Database,
  type Tx,
  type WatchedSandbox,
  createDeploy,
  getEnvironmentConfig,
  hasOpenDeploy,
  lastCompleted,
  recentlyDeployedTo,
  releaseByDigest,
  tryTransactionLock,
} from "@valet/db";
import type { Environment } from "@valet/shared";
import type { Log } from "../log.ts";

/** How long a host that was just converged, in vain or not, is left before the next try. */
const againAfterMs = 120_000;
const trigger = "converge";

/**
 * Queues one deploy of the last completed release for hosts that came back on another one, limited to them. At most one deploy is
 * open an environment: while there is one, these hosts wait; it may well take them along. A host that still runs tasks waits
 * until they have ended (F22): it is cordoned, so that it gets no others.
 */
export async function converge(
  { db, log, knobs }: { db: Database; log: Log; knobs: KnobsOverride },
  environment: Environment,
  hosts: readonly WatchedSandbox[],
): Promise<void> {
  const deploy = await db.tx(async (tx) => {
    // One control worker at a time, or two would each queue one.
    if (!(await tryTransactionLock(tx, `converge ${environment}`))) return null;
    if (await hasOpenDeploy(tx, environment, "ghosthands")) return null;
    const last = await lastCompleted(tx, environment, "ghosthands");
    const release = last && (await releaseByDigest(tx, "ghosthands", last.imageDigest));
    if (!last || !release) return null;
    const ids = hosts.map((host) => host.id);
    const recent = await recentlyDeployedTo(tx, ids, trigger, againAfterMs);
    const due = hosts.filter((host) => host.activeTaskCount === 0 && !recent.includes(host.id));
    if (due.length === 0) return null;
    const names = due.map((host) => host.name).join(", ");
    return createDeploy(tx, {
      ...(await settingsOf(tx, environment, knobs)),
      environment,
      service: "ghosthands",
      releaseId: release.id,
      imageTag: last.imageTag,
      imageDigest: last.imageDigest,
      state: "queued",
      stateReason: `${names} came back on a release that is not allowed any more`,
      trigger,
      createdBy: "control worker",
      sandboxIds: due.map((host) => host.id),
    });
  });
  if (deploy) {
    log.info({ event: "converge_queued", deployId: deploy.id, environment, sandboxIds: deploy.sandboxIds });
  }
}

/**
 * As rollout.yml of the environment says, but host by host: the release has completed here, so that nothing of it is tried or judged,
 * and steps for the whole fleet would not fit the few hosts that are back.
 */
async function settingsOf(tx: Tx, environment: Environment, installation: KnobsOverride) {
  const row = await getEnvironmentConfig(tx, environment);
  const config = row ? environmentConfigSchema.parse(row.config) : emptyEnvironmentConfig;
  const layers = { installation, environment: config, own: { strategy: "rolling" as const } };
  const { knobs } = settingsFor("ghosthands", layers);
  return { knobs, configVersion: row?.version ?? null };
}
