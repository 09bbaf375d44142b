import type { DeployConfig } from "@valet/contracts";
import { type Database, appendAudit, autoDeployOf, setAutoDeploy } from "@valet/db";
import type { Environment } from "@valet/shared";
import type { Logger } from "pino";
import type { RedisConnection } from "./connection.ts";

/** The documented keys of an environment; the first is the one we write first. */
const keysOf: Record<Environment, readonly string[]> = {
  dev: ["config:auto_deploy:dev"],
  staging: ["config:auto_deploy:staging"],
  production: ["config:auto_deploy:production", "config:auto_deploy:prod"],
};
/** What we last wrote there. A key that differs from it was changed by an operator; one that is equal may merely be old. */
const mirrorKey = "valet:auto_deploy_mirror";

export interface AutoDeploy {
  isOn(environment: Environment): Promise<boolean>;
  set(environment: Environment, isOn: boolean, actor: string): Promise<void>;
  config(): Promise<DeployConfig>;
}

/**
 * Whether a webhook starts its deploy by itself. Postgres holds the answer; with Redis, an operator's
 * `SET config:auto_deploy:<env> true` is taken over (with an audit row) and our own changes are written there.
 */
export function makeAutoDeploy(db: Database, redis: RedisConnection | null, logger: Logger): AutoDeploy {
  const store = async (environment: Environment, isOn: boolean, actor: string) => {
    await db.tx(async (tx) => {
      if ((await autoDeployOf(tx, environment)) === isOn) return;
      await setAutoDeploy(tx, environment, isOn);
      await appendAudit(tx, { actor, action: "auto_deploy.set", subject: environment, data: { isOn } });
    });
    await mirror(environment, isOn);
  };
  const mirror = async (environment: Environment, isOn: boolean) => {
    await redis?.attempt("mirror auto-deploy", async (client) => {
      const writes = client.multi();
      for (const key of keysOf[environment]) {
        writes.set(key, String(isOn));
        writes.hset(mirrorKey, key, String(isOn));
      }
      await writes.exec();
      return true;
    });
  };
  /** The operator's new wish in Redis, or null when there is none (or no Redis). */
  const wishIn = async (environment: Environment): Promise<boolean | null> => {
    const keys = keysOf[environment];
    const found = await redis?.attempt("read auto-deploy", async (client) => ({
      values: await client.mget(...keys),
      mirrored: await client.hmget(mirrorKey, ...keys),
    }));
    if (!found) return null;
    const changed = keys.findIndex((_, i) => found.values[i] !== null && found.values[i] !== found.mirrored[i]);
    return changed < 0 ? null : found.values[changed] === "true";
  };
  const settle = async (environment: Environment): Promise<boolean> => {
    const wish = await wishIn(environment);
    if (wish === null) {
      const isOn = await autoDeployOf(db, environment);
      await mirror(environment, isOn);
      return isOn;
    }
    logger.info({ event: "auto_deploy_from_redis", environment, isOn: wish }, "auto-deploy was set in Redis");
    await store(environment, wish, "redis");
    return wish;
  };
  redis?.onConnect(async () => {
    for (const environment of ["dev", "staging", "production"] as const) await settle(environment);
  });
  return {
    isOn: settle,
    set: store,
    config: async () => ({
      autoDeployStaging: await settle("staging"),
      autoDeployProd: await settle("production"),
    }),
  };
}
