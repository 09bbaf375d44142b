import { randomUUID } from "node:crypto";
import {
  type Database,
  type DeployRow,
  type SandboxRow,
  applyHeartbeat,
  createDeploy,
  createSandbox,
  getSandbox,
  loadDeploy,
  moveSandbox,
  openSession,
  setDeployRequest,
  upsertRelease,
} from "@valet/db";
import { type DeployRequest as DeployVerb, type HostDriver } from "@valet/rollout";
import {
  type Clock,
  type GenerationInput,
  type LeaseTimes,
  type RolloutKnobs,
  Secret,
  defaultKnobs,
  deployActions,
} from "@valet/shared";
import {
  type FakeHost,
  type FakeRelease,
  makeFakeDriver,
  makeFakeHost,
} from "../../../../../packages/rollout/src/drivers/fake-host.ts";
import { digestOf } from "../../../../../packages/rollout/src/testing/world.ts";

/** Real rows, real hand-over, fake hosts: what deploys and health checks are tested on without a process a host. */
export interface FakeFleet {
  hosts: Map<string, FakeHost>;
  driver: HostDriver;
  registry: Map<string, FakeRelease>;
  idOf(name: string): string;
  host(name: string): FakeHost;
  row(name: string): Promise<SandboxRow>;
  /** What every sandbox worker with a reachable host does: reports its generations, and so gets slots handed over. */
  heartbeat(): Promise<void>;
  addDeploy(tag: string, knobs?: Partial<RolloutKnobs>): Promise<string>;
  deploy(id: string): Promise<DeployRow>;
  ask(id: string, verb: DeployVerb["kind"]): Promise<void>;
}

export async function makeFakeFleet(
  db: Database,
  names: readonly string[],
  { clock, times, state = "active" }: { clock: Clock; times: LeaseTimes; state?: "active" | "provisioning" },
): Promise<FakeFleet> {
  const registry = new Map<string, FakeRelease>(["v1", "v2", "v3"].map((tag) => [tag, { digest: digestOf(tag) }]));
  const ids = new Map<string, string>();
  const sessions = new Map<string, string>();
  const hosts = new Map<string, FakeHost>();
  for (const name of names) {
    const id = await addSandbox(db, name, state);
    const session = await db.tx((tx) =>
      openSession(tx, { sandboxId: id, bootId: randomUUID(), version: "1", wire: 1 }),
    );
    ids.set(name, id);
    sessions.set(id, session.id);
    hosts.set(id, makeFakeHost(id, { clock, registry }));
  }
  const idOf = (name: string): string => {
    const id = ids.get(name);
    if (id === undefined) throw new Error(`there is no sandbox ${name}`);
    return id;
  };
  const host = (name: string): FakeHost => {
    const one = hosts.get(idOf(name));
    if (!one) throw new Error(`there is no host ${name}`);
    return one;
  };
  const deploy = async (id: string): Promise<DeployRow> => {
    const row = await loadDeploy(db, id);
    if (!row) throw new Error(`there is no deploy ${id}`);
    return row;
  };
  const row = async (name: string): Promise<SandboxRow> => {
    const found = await getSandbox(db, idOf(name));
    if (!found) throw new Error(`there is no sandbox ${name}`);
    return found;
  };
  return {
    ...{ hosts, registry, idOf, host, row, deploy, driver: makeFakeDriver(hosts) },
    async heartbeat() {
      for (const name of names) {
        if (!host(name).isReachable) continue;
        const generations = reportsOf(host(name), await row(name));
        const heartbeat = { generations, attempts: [], agentReachable: true };
        const call = { sandboxId: idOf(name), sessionId: sessions.get(idOf(name)) ?? "", heartbeat, times };
        const applied = await db.tx((tx) => applyHeartbeat(tx, call));
        if (!applied.ok) throw new Error(applied.error.message);
      }
    },
    async addDeploy(tag, knobs = {}) {
      const created = await db.tx(async (tx) => {
        const release = await upsertRelease(tx, { service: "ghosthands", version: tag, imageTag: tag });
        return createDeploy(tx, {
          ...{ environment: "dev", service: "ghosthands", releaseId: release.id, imageTag: tag, state: "queued" },
          ...{ stateReason: "", knobs: { ...defaultKnobs(knobs.order), minHealthyMs: 0, ...knobs } },
          ...{ trigger: "test", createdBy: "test" },
        });
      });
      return created.id;
    },
    async ask(id, verb) {
      const request = { verb, actor: "op", reason: "", at: new Date().toISOString() };
      const left = await db.tx((tx) => setDeployRequest(tx, id, request, { from: deployActions[verb] }));
      if (!left.ok) throw new Error(left.error.message);
    },
  };
}

async function addSandbox(db: Database, name: string, state: "active" | "provisioning"): Promise<string> {
  return db.tx(async (tx) => {
    const created = await createSandbox(tx, {
      ...{ name, environment: "dev", instanceId: randomUUID(), publicIp: "127.0.0.1", agentPort: 8000 },
      ...{ instanceType: "local", browserEngine: "chromium", capacity: 2, labels: {} },
      ...{ token: new Secret(randomUUID()), sealedAgentKey: "sealed" },
    });
    if (!created.ok) throw new Error(created.error.message);
    if (state === "provisioning") return created.value.id;
    const moved = await moveSandbox(tx, created.value.id, { to: "active", reason: "ready" });
    if (!moved.ok) throw new Error(moved.error.message);
    return created.value.id;
  });
}

/** Each generation shows the slots the database gives it as ready, and the target one a spare while it lacks a slot. */
function reportsOf(host: FakeHost, row: SandboxRow): GenerationInput[] {
  return host.health().generations.map((one) => {
    const owned = row.slots.filter((slot) => slot.generation === one.generation);
    const isTarget = row.targetGeneration === one.generation;
    return {
      generation: one.generation,
      imageTag: one.imageTag,
      imageDigest: one.imageDigest ?? one.desiredDigest,
      state: one.state,
      reachable: one.state !== "ended",
      workerBootId: `boot-${one.generation}`,
      accepting: one.accepting,
      spareReady: isTarget && owned.length < row.slots.length,
      slots: owned.map((slot) => ({ index: slot.index, state: "ready" as const })),
      attempts: [],
    };
  });
}
