import { randomUUID } from "node:crypto";
import type {
  Assignment,
  Assignments,
  AttemptRef,
  GenerationReport,
  HeartbeatReply,
  SessionOpened,
} from "@valet/contracts";
import { type LeaseTimes, leaseTimes } from "@valet/shared";
import { type Dispatcher, request } from "undici";

export const benchDigest = `sha256:${"1".repeat(64)}`;

export interface SimulatedDeps {
  apiUrl: string;
  token: string;
  slots: number;
  dispatcher: Dispatcher;
  signal: AbortSignal;
  /** How long a task takes, from its metadata. */
  workMs: (assignment: Assignment) => number;
  /** One call that was answered with a 2xx. */
  onCall: (kind: string, ms: number) => void;
  onFailure: (kind: string, status: number) => void;
}

/** What a sandbox worker sends, without a host behind it: session, long-poll, heartbeats, acknowledgements and ends. */
export async function runSimulatedSandbox(deps: SimulatedDeps): Promise<void> {
  const { signal } = deps;
  const bootId = randomUUID();
  const running = new Map<string, { ref: AttemptRef; slot: number }>();
  let times: LeaseTimes = leaseTimes();
  let sessionId = "";
  let planRevision = -1;

  const call = async <T>(kind: string, method: "GET" | "POST", path: string, body?: unknown): Promise<T | null> => {
    const startedAt = performance.now();
    try {
      const answer = await request(deps.apiUrl + path, {
        method,
        dispatcher: deps.dispatcher,
        signal,
        headers: { authorization: `Bearer ${deps.token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.body.text();
      if (answer.statusCode >= 300) {
        deps.onFailure(kind, answer.statusCode);
        if (answer.statusCode === 409 && kind !== "acknowledge") sessionId = "";
        return null;
      }
      deps.onCall(kind, performance.now() - startedAt);
      return JSON.parse(text) as T;
    } catch (error) {
      if (!signal.aborted) deps.onFailure(`${kind}: ${error instanceof Error ? error.message : String(error)}`, 0);
      return null;
    }
  };
  const report = (): GenerationReport => {
    const busy = new Set([...running.values()].map(({ slot }) => slot));
    return {
      ...{ generation: 1, imageTag: "v1", imageDigest: benchDigest, state: "serving", reachable: true },
      ...{ workerId: "w", workerBootId: bootId, accepting: true, spareReady: false },
      slots: Array.from({ length: deps.slots }, (_, index) => ({ index, state: busy.has(index) ? "busy" : "ready" })),
      attempts: [...running.values()].map(({ ref }) => ({ ...ref, confirmedAgoMs: 0, frozen: false })),
    };
  };
  const heartbeat = async () => {
    const body = {
      sentAtMs: Date.now(),
      generations: [report()],
      attempts: [...running.values()].map(({ ref }) => ref),
      agentReachable: true,
    };
    const reply = await call<HeartbeatReply>(
      "heartbeat",
      "POST",
      `/api/v1/sandbox/session/${sessionId}/heartbeat`,
      body,
    );
    for (const { taskId } of reply?.lost ?? []) running.delete(taskId);
  };
  const work = async (assignment: Assignment) => {
    const { taskId, fence, leaseId, slot } = assignment;
    const ref = { taskId, fence, leaseId };
    if (!(await call("acknowledge", "POST", `/api/v1/sandbox/session/${sessionId}/acknowledge`, ref))) return;
    running.set(taskId, { ref, slot });
    await sleep(deps.workMs(assignment), signal);
    const event = {
      ...ref,
      seq: 1,
      type: "finished",
      at: new Date().toISOString(),
      data: { status: "completed", result: {} },
    };
    while (!signal.aborted && running.has(taskId)) {
      const path = `/api/v1/sandbox/session/${sessionId}/events`;
      if (sessionId !== "" && (await call("events", "POST", path, { events: [event] }))) break;
      await sleep(1_000, signal);
    }
    running.delete(taskId);
    await heartbeat();
  };
  const taken = new Set<string>();
  const open = async () => {
    const body = { bootId, version: "bench", wire: { min: 1, max: 1 } };
    const opened = await call<SessionOpened>("open", "POST", "/api/v1/sandbox/session", body);
    if (!opened) return sleep(500 + Math.random() * 3_000, signal);
    sessionId = opened.sessionId;
    times = leaseTimes(opened.leaseMs);
    await heartbeat();
  };
  const poll = async () => {
    while (!signal.aborted) {
      if (sessionId === "") {
        await open();
        continue;
      }
      const path = `/api/v1/sandbox/session/${sessionId}/assignments?waitMs=25000&planRevision=${planRevision}`;
      const news = await call<Assignments>("assignments", "GET", path);
      if (!news) {
        await sleep(500 + Math.random() * 3_000, signal);
        continue;
      }
      planRevision = news.plan.revision;
      for (const assignment of news.assignments) {
        const key = `${assignment.taskId}:${assignment.fence}`;
        if (taken.has(key)) continue;
        taken.add(key);
        void work(assignment);
      }
    }
  };
  const beat = async () => {
    // Sandboxes were not all started in the same moment.
    await sleep(Math.random() * times.heartbeatMs, signal);
    while (!signal.aborted) {
      if (sessionId !== "") await heartbeat();
      await sleep(times.heartbeatMs, signal);
    }
  };
  await Promise.all([poll(), beat()]);
}

/** Resolves after `ms`, or at once when aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
