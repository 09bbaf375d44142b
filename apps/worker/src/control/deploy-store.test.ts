import { randomUUID } from "node:crypto";
import {
  type Database,
  createDeploy,
  createSandbox,
  createTestDatabase,
  moveSandbox,
  setDeployRequest,
  upsertRelease,
} from "@valet/db";
import { Secret, defaultKnobs, deployActions, leaseTimes } from "@valet/shared";
import { describeStore } from "../../../../packages/rollout/src/testing/store-conformance.ts";
import { makeDeployStore } from "./deploy-store.ts";

describeStore("Postgres", async () => {
  const test = await createTestDatabase();
  const { db } = test;
  return {
    store: makeDeployStore(db, leaseTimes(30_000)),
    sandboxIds: [await addSandbox(db, "a"), await addSandbox(db, "b")],
    addQueued: (tag) => addQueued(db, tag),
    async askAbort(deployId) {
      const request = { verb: "abort" as const, actor: "op", reason: "", at: new Date().toISOString() };
      const left = await db.tx((tx) => setDeployRequest(tx, deployId, request, { from: deployActions.abort }));
      if (!left.ok) throw new Error(left.error.message);
    },
    close: () => test.drop(),
  };
});

async function addSandbox(db: Database, name: string): Promise<string> {
  return db.tx(async (tx) => {
    const created = await createSandbox(tx, {
      ...{ name, environment: "staging", instanceId: randomUUID(), publicIp: "127.0.0.1", agentPort: 8000 },
      ...{ instanceType: "local", browserEngine: "chromium", capacity: 2, labels: {} },
      ...{ token: new Secret(randomUUID()), sealedAgentKey: "sealed" },
    });
    if (!created.ok) throw new Error(created.error.message);
    const moved = await moveSandbox(tx, created.value.id, { to: "active", reason: "ready" });
    if (!moved.ok) throw new Error(moved.error.message);
    return created.value.id;
  });
}

async function addQueued(db: Database, tag: string): Promise<string> {
  const deploy = await db.tx(async (tx) => {
    const release = await upsertRelease(tx, { service: "ghosthands", version: tag, imageTag: tag });
    return createDeploy(tx, {
      ...{ environment: "staging", service: "ghosthands", releaseId: release.id, imageTag: tag, state: "queued" },
      ...{ stateReason: "", knobs: defaultKnobs(), trigger: "test", createdBy: "test" },
    });
  });
  return deploy.id;
}
