import { randomUUID } from "node:crypto";
import type { Assignments, AttemptRef, GenerationReport, HeartbeatReply } from "@valet/contracts";
import { reserveTasks, setAllowedReleases, setTargetGeneration } from "@valet/db";
import { leaseTimes } from "@valet/shared";
import { type TestSandbox, addSandbox } from "./fixtures.ts";
import type { TestApi } from "./test-api.ts";

export const digest = `sha256:${"1".repeat(64)}`;

export interface WorkingSandbox extends TestSandbox {
  sessionId: string;
  bootId: string;
  /** A call of its session, under its own token. */
  call(path: string, body?: unknown, method?: "GET" | "POST" | "PUT" | "DELETE"): ReturnType<TestApi["call"]>;
  /** Reports both slots ready and these attempts running. */
  heartbeat(running?: AttemptRef[]): Promise<HeartbeatReply>;
  poll(query?: string): Promise<Assignments>;
  events(
    ref: AttemptRef,
    events: { type: string; data?: Record<string, unknown> }[],
    from?: number,
  ): ReturnType<TestApi["call"]>;
}

/** A sandbox in service with two free slots, spoken to as its sandbox worker would; its GH worker is played. */
export async function addWorkingSandbox(
  api: TestApi,
  overrides: Record<string, unknown> = {},
): Promise<WorkingSandbox> {
  const sandbox = await addSandbox(api, overrides);
  await api.call({ method: "PATCH", url: `/api/v1/admin/sandboxes/${sandbox.id}`, body: { status: "active" } });
  await setAllowedReleases(api.db, "dev", "ghosthands", [{ imageDigest: digest, reason: "test" }]);
  await api.db.tx((tx) => setTargetGeneration(tx, sandbox.id, 1));
  const opened = await api.call({
    url: "/api/v1/sandbox/session",
    as: sandbox.token,
    body: { bootId: randomUUID(), version: "1", wire: { min: 1, max: 1 } },
  });
  const sessionId = opened.json().sessionId as string;
  const bootId = randomUUID();
  const call: WorkingSandbox["call"] = (path, body, method) =>
    api.call({
      method: method ?? (body === undefined ? "GET" : "POST"),
      url: `/api/v1/sandbox/session/${sessionId}/${path}`,
      as: sandbox.token,
      ...(body === undefined ? {} : { body }),
    });
  const report = (running: AttemptRef[], slots: number[]): GenerationReport => ({
    generation: 1,
    imageTag: "v1",
    imageDigest: digest,
    state: "serving",
    reachable: true,
    workerId: "w1",
    workerBootId: bootId,
    accepting: true,
    spareReady: true,
    slots: slots.map((index) => ({ index, state: index < running.length ? ("busy" as const) : ("ready" as const) })),
    attempts: running.map((ref) => ({ ...ref, confirmedAgoMs: 0, frozen: false })),
  });
  const beat = async (running: AttemptRef[], slots: number[]) => {
    const body = {
      sentAtMs: Date.now(),
      generations: [report(running, slots)],
      attempts: running,
      agentReachable: true,
    };
    const answer = await call("heartbeat", body);
    if (answer.statusCode !== 200) throw new Error(`heartbeat refused: ${answer.body}`);
    return answer.json() as HeartbeatReply;
  };
  // One slot is handed over a beat: the first, then the second once the first is shown.
  await beat([], []);
  await beat([], [0]);
  await beat([], [0, 1]);
  return {
    ...sandbox,
    sessionId,
    bootId,
    call,
    heartbeat: (running = []) => beat(running, [0, 1]),
    poll: async (query = "waitMs=0") => (await call(`assignments?${query}`)).json() as Assignments,
    events: (ref, events, from = 1) =>
      call("events", {
        events: events.map((event, index) => ({
          ...ref,
          seq: from + index,
          type: event.type,
          at: new Date().toISOString(),
          data: event.data ?? {},
        })),
      }),
  };
}

/** What the control worker's assigner does, once. */
export function assign(api: TestApi) {
  return api.db.tx((tx) => reserveTasks(tx, { limit: 50, times: leaseTimes(api.config.VALET_LEASE_MS) }));
}
