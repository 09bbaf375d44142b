import { taskSubmitSchema, type TaskEvent, type TaskSubmit, type TaskSummary, type TaskView } from "@valet/contracts";
import { isTerminal, taskTransitions, type TaskState } from "@valet/shared";
import { fixtureDigest, fixtureId, seededRandom } from "./seeded-random.ts";

const states: TaskState[] = [
  "running",
  "running",
  "assigned",
  "queued",
  "completed",
  "completed",
  "completed",
  "completed",
  "completed",
  "failed",
  "needs_review",
  "cancelled",
  "timed_out",
  "expired",
  "needs_human",
];
const names = [
  "Apply for permit",
  "Renew registration",
  "Read meter",
  "File claim",
  "Check status",
  "Book appointment",
];

export function fixtureTasks(count: number, nowMs: number): TaskSummary[] {
  const random = seededRandom(42);
  return Array.from({ length: count }, (_, number) => {
    const state =
      number < 20
        ? (states[number % states.length] ?? "queued")
        : (states[Math.floor(random() * states.length)] ?? "queued");
    const createdMs = nowMs - number * 7_300 - 4_000;
    const hasStarted = !["queued", "assigned", "expired"].includes(state);
    const isOver = isTerminal(taskTransitions, state) || state === "needs_review";
    return {
      id: fixtureId(2, number),
      tenantId: number % 3 === 0 ? "acme" : "globex",
      environment: "staging",
      state,
      stateReason: reasons[state] ?? "",
      url: `https://forms.example.org/${number % 2 === 0 ? "permit" : "registration"}/new?case=${4000 + number}`,
      stepCount: 8,
      stepsDone: state === "completed" ? 8 : hasStarted ? 1 + (number % 7) : 0,
      priority: number % 11 === 0 ? 60 : 0,
      attemptCount: hasStarted ? 1 + (number % 9 === 0 ? 1 : 0) : 0,
      cancelRequested: false,
      metadata: { name: names[number % names.length] ?? "Task" },
      sandboxId: hasStarted ? fixtureId(1, number % 6) : null,
      sandboxName: hasStarted ? `sandbox-${(number % 6) + 1}` : null,
      createdAt: new Date(createdMs).toISOString(),
      enqueuedAt: new Date(createdMs).toISOString(),
      startedAt: hasStarted ? new Date(createdMs + 700).toISOString() : null,
      endedAt: isOver ? new Date(createdMs + 6_000 + random() * 30_000).toISOString() : null,
    };
  });
}

const reasons: Partial<Record<TaskState, string>> = {
  failed: "step 5 failed",
  needs_review: "the browser died around a write step",
  timed_out: "longer than 300 s",
  expired: "waited longer than 3600 s",
  needs_human: "asks for a one-time code",
  assigned: "reserved on sandbox-3, slot 2",
  queued: "no free slot",
};

export function fixtureTaskView(task: TaskSummary): TaskView {
  const attempts = Array.from(
    { length: Math.max(task.attemptCount, task.state === "assigned" ? 1 : 0) },
    (_, index) => {
      const isLast = index === Math.max(task.attemptCount, 1) - 1;
      return {
        number: index + 1,
        fence: index + 1,
        sandboxId: fixtureId(1, index),
        sandboxName: isLast ? (task.sandboxName ?? "sandbox-3") : "sandbox-5",
        slot: 2,
        generation: isLast ? 8 : 7,
        releaseTag: isLast ? "v1.9.0" : "v1.8.2",
        releaseDigest: fixtureDigest(isLast ? 2 : 1),
        reservedAt: task.createdAt,
        acknowledgedAt: task.startedAt,
        endedAt: isLast ? task.endedAt : task.createdAt,
        outcome: isLast ? outcomeOf(task.state) : ("lost" as const),
        reason: isLast ? null : "the host stopped answering and its lease ran out",
      };
    },
  );
  const shots = task.stepsDone > 3 ? ["after-login", "confirmation"] : task.stepsDone > 1 ? ["after-login"] : [];
  return {
    ...task,
    spec: taskSubmitSchema.parse({ steps: fixtureSteps(task.url ?? "https://forms.example.org/") }),
    result: task.state === "completed" ? { reference: "P-2026-004471", fee: "12.50" } : null,
    error:
      task.state === "failed"
        ? { code: "step_timeout", message: "No element matched #send within 10 s", stepIndex: 4 }
        : null,
    attempts,
    artifacts: shots.map((name, index) => ({
      id: fixtureId(4, index),
      name: `${name}.png`,
      contentType: "image/png",
      bytes: 84_213 + index,
      sha256: fixtureDigest(index).slice(7),
      createdAt: task.createdAt,
    })),
  };
}

function outcomeOf(state: TaskState) {
  if (state === "completed" || state === "failed" || state === "cancelled" || state === "timed_out") return state;
  return state === "needs_review" ? ("interrupted" as const) : null;
}

function fixtureSteps(url: string): TaskSubmit["steps"] {
  return [
    { action: "goto", url },
    { action: "fill", name: "Name", selector: "#name", value: "Ada" },
    { action: "screenshot", as: "after-login" },
    { action: "select", name: "Kind of permit", selector: "#kind", value: "residential" },
    { action: "click", name: "Send", selector: "#send" },
    { action: "waitFor", selector: ".confirmation" },
    { action: "extract", selector: ".reference", as: "reference" },
    { action: "screenshot", as: "confirmation" },
  ];
}

/** The journal of the newest attempt, as far as the task is. */
export function fixtureTaskEvents(task: TaskSummary): TaskEvent[] {
  if (task.startedAt === null) return [];
  const startMs = Date.parse(task.startedAt);
  const fence = Math.max(1, task.attemptCount);
  const events: TaskEvent[] = [];
  const add = (type: TaskEvent["type"], data: Record<string, unknown>) =>
    events.push({
      fence,
      seq: events.length + 1,
      type,
      at: new Date(startMs + events.length * 620).toISOString(),
      data,
    });
  add("attempt_started", { generation: 8 });
  for (let stepIndex = 0; stepIndex < task.stepsDone; stepIndex += 1) {
    add("step_started", { stepIndex });
    add("step_done", { stepIndex });
  }
  if (task.state === "running") add("step_started", { stepIndex: task.stepsDone });
  if (task.state === "failed") {
    add("step_started", { stepIndex: task.stepsDone });
    add("step_failed", {
      stepIndex: task.stepsDone,
      error: { code: "step_timeout", message: "No element matched #send within 10 s" },
    });
  }
  if (task.state === "completed" || task.state === "failed") add("finished", { status: task.state });
  return events;
}
