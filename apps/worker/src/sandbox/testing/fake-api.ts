import { randomUUID } from "node:crypto";
import {
  type Assignment,
  type AttemptRef,
  type Heartbeat,
  type SessionEvent,
  type SlotPlan,
  acknowledgeSchema,
  eventsRequestSchema,
  heartbeatSchema,
  permitRequestSchema,
  sessionOpenSchema,
  taskSubmitSchema,
} from "@valet/contracts";
import { type FakeAnswer, type FakeHttp, type FakeRequest, startFakeHttp } from "./fake-http.ts";

/** The API's session routes in memory, with the contract's schemas at the door. A test plays the control plane. */
export interface FakeApi extends FakeHttp {
  readonly sandboxId: string;
  plan: SlotPlan;
  /** Everything that was sent, in order of arrival. */
  readonly log: {
    acknowledged: AttemptRef[];
    heartbeats: Heartbeat[];
    events: SessionEvent[];
    permits: { taskId: string; fence: number; stepIndex: number }[];
    artifacts: { taskId: string; fence: number; name: string; bytes: string }[];
    sessions: string[];
  };
  /** Refs (`taskId:fence`) that belong to somebody else now. */
  readonly stale: Set<string>;
  readonly cancel: AttemptRef[];
  /** Answers 503 to the next so many posts of events. */
  refuseEvents: number;
  /** Answers 503 to every acknowledgement. */
  refusesAcknowledgements: boolean;
  assign(input?: Partial<Assignment> & { steps?: unknown[] }): Assignment;
  setPlan(plan: Partial<SlotPlan>): void;
  /** A second worker opened a session: the first one's calls get 409. */
  takeSession(): void;
  openAttempts(): Assignment[];
}

const refusal = (status: number, error: string): FakeAnswer => ({
  status,
  body: { error, message: error, requestId: "fake" },
});

export async function startFakeApi(options: { leaseMs: number }): Promise<FakeApi> {
  const sandboxId = randomUUID();
  let sessionId = "";
  const open = new Map<string, Assignment>();
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const done of waiting) done();
  };
  const keyOf = (ref: { taskId: string; fence: number }) => `${ref.taskId}:${ref.fence}`;
  const isOurs = (ref: AttemptRef) => !fake.stale.has(keyOf(ref)) && open.get(keyOf(ref))?.leaseId === ref.leaseId;

  const assignments = async (request: FakeRequest): Promise<FakeAnswer> => {
    const revision = Number(request.url.searchParams.get("planRevision") ?? -1);
    const news = () => ({
      assignments: [...open.values()].filter(({ acknowledged }) => !acknowledged),
      cancel: fake.cancel.filter((ref) => open.has(keyOf(ref))),
      plan: fake.plan,
    });
    const isNews = (body: ReturnType<typeof news>) =>
      body.assignments.length + body.cancel.length > 0 || body.plan.revision !== revision;
    if (!isNews(news()))
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, Number(request.url.searchParams.get("waitMs")));
        waiting.add(done);
        request.signal.addEventListener("abort", done, { once: true });
      });
    return { status: 200, body: news() };
  };
  const acknowledge = (json: unknown): FakeAnswer => {
    if (fake.refusesAcknowledgements) return refusal(503, "unavailable");
    const ref = acknowledgeSchema.parse(json);
    const assignment = open.get(keyOf(ref));
    if (!assignment || !isOurs(ref)) return refusal(409, "stale_fence");
    fake.log.acknowledged.push(ref);
    assignment.acknowledged = true;
    return { status: 200, body: { leaseExpiresInMs: options.leaseMs } };
  };
  const heartbeat = (json: unknown): FakeAnswer => {
    const beat = heartbeatSchema.parse(json);
    fake.log.heartbeats.push(beat);
    return {
      status: 200,
      body: {
        renewed: beat.attempts.filter(isOurs),
        lost: beat.attempts.filter((ref) => !isOurs(ref)),
        cancel: fake.cancel.filter((ref) => open.has(keyOf(ref))),
        plan: fake.plan,
      },
    };
  };
  const permit = (json: unknown): FakeAnswer => {
    const { taskId, fence, stepIndex, leaseId } = permitRequestSchema.parse(json);
    if (!isOurs({ taskId, fence, leaseId })) return refusal(409, "stale_fence");
    fake.log.permits.push({ taskId, fence, stepIndex });
    return { status: 200, body: { granted: true, permitId: randomUUID(), usableForMs: options.leaseMs / 60 } };
  };
  const events = (json: unknown): FakeAnswer => {
    if (fake.refuseEvents > 0) {
      fake.refuseEvents -= 1;
      return refusal(503, "unavailable");
    }
    const batch = eventsRequestSchema.parse(json).events;
    const through = new Map<string, { taskId: string; fence: number; throughSeq: number }>();
    const stale = new Map<string, AttemptRef>();
    for (const event of batch) {
      const { taskId, fence, leaseId, seq } = event;
      fake.log.events.push(event);
      through.set(keyOf(event), { taskId, fence, throughSeq: seq });
      if (fake.stale.has(keyOf(event))) stale.set(keyOf(event), { taskId, fence, leaseId });
      else if (event.type === "finished") open.delete(keyOf(event));
    }
    return { status: 200, body: { accepted: [...through.values()], stale: [...stale.values()] } };
  };
  const artifact = (parts: string[], bytes: Buffer): FakeAnswer => {
    const [taskId = "", fence = "", name = ""] = parts;
    fake.log.artifacts.push({ taskId, fence: Number(fence), name, bytes: bytes.toString() });
    return { status: 201, body: { id: randomUUID(), sha256: "0".repeat(64) } };
  };
  const handle = async (request: FakeRequest): Promise<FakeAnswer> => {
    if (request.headers.authorization !== "Bearer token-of-the-sandbox") return refusal(401, "unauthorized");
    const [id, verb = "", ...rest] = request.url.pathname.replace("/api/v1/sandbox/session", "").split("/").slice(1);
    const json = (): unknown => JSON.parse(request.bytes.toString());
    if (id === undefined) {
      sessionOpenSchema.parse(json());
      sessionId = randomUUID();
      fake.log.sessions.push(sessionId);
      const attempts = [...open.values()];
      return {
        status: 201,
        body: { sessionId, sandboxId, sandboxName: "sandbox-1", wire: 1, leaseMs: options.leaseMs, attempts },
      };
    }
    if (id !== sessionId) return refusal(409, "conflict");
    switch (verb) {
      case "assignments":
        return assignments(request);
      case "acknowledge":
        return acknowledge(json());
      case "heartbeat":
        return heartbeat(json());
      case "permit":
        return permit(json());
      case "events":
        return events(json());
      case "artifacts":
        return artifact(rest, request.bytes);
      default:
        return refusal(404, "not_found");
    }
  };
  const http = await startFakeHttp(handle);
  const fake: FakeApi = Object.assign(Object.create(http) as FakeHttp, {
    sandboxId,
    plan: { revision: 1, target: 1, slots: [0, 1].map((index) => ({ index, generation: 1 })), draining: false },
    log: { acknowledged: [], heartbeats: [], events: [], permits: [], artifacts: [], sessions: [] } as FakeApi["log"],
    stale: new Set<string>(),
    cancel: [] as AttemptRef[],
    refuseEvents: 0,
    refusesAcknowledgements: false,
    assign(input: Parameters<FakeApi["assign"]>[0] = {}) {
      const { steps = [{ action: "goto", url: "http://site.test/" }], ...rest } = input;
      const assignment: Assignment = {
        ...{ taskId: randomUUID(), fence: 1, leaseId: randomUUID(), attempt: 1, slot: 0, generation: 1 },
        acknowledged: false,
        spec: taskSubmitSchema.parse({ steps }),
        ...rest,
      };
      open.set(keyOf(assignment), assignment);
      wake();
      return assignment;
    },
    setPlan(plan: Partial<SlotPlan>) {
      fake.plan = { ...fake.plan, ...plan, revision: fake.plan.revision + 1 };
      wake();
    },
    takeSession() {
      sessionId = randomUUID();
      wake();
    },
    openAttempts: () => [...open.values()],
  });
  return fake;
}
