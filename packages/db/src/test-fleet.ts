import { randomBytes } from "node:crypto";
import { leaseTimes, Secret, testDigest, testReport } from "@valet/shared";
import type {
  AttemptKey,
  Environment,
  GenerationInput,
  HeartbeatInput,
  HeartbeatResult,
  LeaseTimes,
  Reservation,
  Result,
} from "@valet/shared";
import type { Database } from "./database.ts";
import { applyHeartbeat } from "./heartbeat.ts";
import { allowRelease } from "./releases.ts";
import { createSandbox, moveSandbox, setTargetGeneration } from "./sandboxes.ts";
import { openSession } from "./sessions.ts";
import { acknowledgeMany } from "./tasks/acknowledge.ts";
import { reserveTasks } from "./tasks/reserve.ts";
import { submitTask } from "./tasks/submit.ts";
import type { TaskRow, TaskSpecInput } from "./tasks/task-row.ts";
import { ensureTenant } from "./tenants.ts";

/** One sandbox whose generations say what a test wants them to say. */
export interface TestSandbox {
  id: string;
  name: string;
  sessionId: string;
  /** What the next heartbeat reports; change it freely. */
  generations: GenerationInput[];
  heartbeat(change?: Partial<HeartbeatInput>): Promise<HeartbeatResult>;
}
export interface TestFleet {
  times: LeaseTimes;
  addSandbox(options?: TestSandboxOptions): Promise<TestSandbox>;
  submit(options?: TestTaskOptions): Promise<TaskRow>;
  reserve(limit?: number): Promise<Reservation[]>;
  /** Reserves all that is possible and acknowledges it. */
  run(limit?: number): Promise<Reservation[]>;
}
export interface TestSandboxOptions {
  name?: string;
  capacity?: number;
  labels?: Record<string, string>;
  environment?: Environment;
  digest?: string;
  /** False: the release is not put into the allowed set. */
  isAllowed?: boolean;
}
export interface TestTaskOptions {
  tenantId?: string;
  environment?: Environment;
  spec?: Partial<TaskSpecInput>;
}

/** Sandboxes, tasks and the way between them, for tests of everything that needs some. Half a minute of lease by default. */
export function makeTestFleet(db: Database, times: LeaseTimes = leaseTimes(30_000)): TestFleet {
  const reserve = async (limit = 100): Promise<Reservation[]> =>
    (await db.tx((tx) => reserveTasks(tx, { limit, times }))).reservations;
  return {
    times,
    reserve,
    addSandbox: (options = {}) => addSandbox(db, times, options),
    submit: (options = {}) => submit(db, options),
    async run(limit) {
      const reservations = await reserve(limit);
      for (const sandboxId of new Set(reservations.map((one) => one.sandboxId))) {
        const refs = reservations.filter((one) => one.sandboxId === sandboxId);
        await db.tx((tx) => acknowledgeMany(tx, { sandboxId, refs, times }));
      }
      return reservations;
    },
  };
}

async function addSandbox(db: Database, times: LeaseTimes, options: TestSandboxOptions): Promise<TestSandbox> {
  const { capacity = 2, environment = "dev", digest = testDigest("a") } = options;
  const name = options.name ?? `box-${randomBytes(3).toString("hex")}`;
  const created = await db.tx((tx) =>
    createSandbox(tx, {
      name,
      environment,
      instanceId: `i-${randomBytes(6).toString("hex")}`,
      publicIp: "127.0.0.11",
      agentPort: 8000,
      instanceType: "local",
      browserEngine: "chromium",
      capacity,
      labels: options.labels ?? {},
      token: new Secret(randomBytes(16).toString("hex")),
      sealedAgentKey: "sealed",
    }),
  );
  const { id } = must(created);
  must(await db.tx((tx) => moveSandbox(tx, id, { to: "active", reason: "test" })));
  if (options.isAllowed !== false)
    await allowRelease(db, environment, "ghosthands", { imageDigest: digest, reason: "test" });
  await db.tx((tx) => setTargetGeneration(tx, id, 1));
  const session = await db.tx((tx) => openSession(tx, { sandboxId: id, bootId: "sw-1", version: "0", wire: 1 }));
  const sandbox: TestSandbox = {
    id,
    name,
    sessionId: session.id,
    generations: [testReport({ imageDigest: digest, spareReady: true })],
    async heartbeat(change = {}) {
      const { generations } = sandbox;
      const attempts = generations.flatMap((report) => report.attempts.map(keyOf));
      const heartbeat = { generations, attempts, agentReachable: true, ...change };
      return must(
        await db.tx((tx) => applyHeartbeat(tx, { sandboxId: id, sessionId: sandbox.sessionId, heartbeat, times })),
      );
    },
  };
  // Each heartbeat hands one slot over to the spare of generation 1, and the next one shows it there.
  for (let index = 0; index < capacity; index += 1) {
    const { plan } = await sandbox.heartbeat();
    const slots = plan.slots
      .filter((slot) => slot.generation === 1)
      .map((slot) => ({ index: slot.index, state: "ready" as const }));
    sandbox.generations = [testReport({ imageDigest: digest, spareReady: slots.length < capacity, slots })];
  }
  return sandbox;
}

function keyOf({ taskId, fence, leaseId }: AttemptKey): AttemptKey {
  return { taskId, fence, leaseId };
}

async function submit(
  db: Database,
  { tenantId = "test", environment = "dev", spec }: TestTaskOptions,
): Promise<TaskRow> {
  await ensureTenant(db, tenantId, tenantId);
  const submitted = await db.tx((tx) => submitTask(tx, { tenantId, environment, spec: { ...testSpec, ...spec } }));
  return must(submitted).task;
}

/** A task of one read step that may go anywhere. */
export const testSpec: TaskSpecInput = {
  steps: [{ action: "goto", url: "https://example.com/" }],
  queueTimeoutMs: 3_600_000,
  priority: 0,
  placement: { labels: {} },
  retry: { maxAttempts: 3 },
  restart: "review",
  metadata: {},
};

/** The value, or the error thrown: for tests. */
export function must<T, E>(result: Result<T, E>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}
