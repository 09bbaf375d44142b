import type { GhFeedEntry } from "@valet/contracts";
import type { Clock } from "@valet/shared";
import { makeBackoff } from "../backoff.ts";
import { ignoreAbort } from "../bell.ts";
import type { Log } from "../log.ts";
import type { Api } from "./api.ts";
import type { Commands } from "./commands.ts";
import type { Session } from "./session.ts";

export type PermitAsk = Extract<GhFeedEntry, { kind: "permit_ask" }>;

export interface PermitDeps {
  api: Api;
  session: Session;
  commands: Commands;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
  onStale: (ref: { taskId: string; fence: number; leaseId: string }) => void;
}

/**
 * Carries each question of a GH worker to the API and the answer back. No answer is no permit: after `permitMs` the question
 * is dropped, and the GH worker asks anew. A question that comes again while it is on its way is one question.
 */
export function makePermits(deps: PermitDeps): (generation: number, ask: PermitAsk) => Promise<void> {
  const { clock, signal } = deps;
  const asking = new Set<string>();

  const answerAsk = async (generation: number, ask: PermitAsk) => {
    const ref = { taskId: ask.valet_task_id, fence: ask.fence, leaseId: ask.lease_id };
    const { permitMs } = deps.session.times();
    const endsAtMonoMs = clock.monotonicMs() + permitMs;
    const backoff = makeBackoff(20, 500);
    const reply = (granted: boolean, reason: string | null, usableForMs: number) =>
      deps.commands.send(
        generation,
        {
          type: "permit",
          job_id: ask.job_id,
          step_index: ask.step_index,
          ask_id: ask.ask_id,
          granted,
          reason,
          usable_for_ms: usableForMs,
        },
        permitMs,
      );
    while (!signal.aborted && clock.monotonicMs() < endsAtMonoMs) {
      const open = await deps.session.ready();
      const body = { ...ref, stepIndex: ask.step_index, workerBootId: ask.boot_id };
      const answer = await deps.api.call(
        (client, s) => client.permit({ params: { id: open.id }, body, signal: s }),
        Math.max(500, permitMs),
      );
      if (answer.ok) return reply(true, null, answer.value.usableForMs);
      const { kind, message } = answer.error;
      if (kind === "replaced") deps.session.replaced(open.id, message);
      if (kind === "refused") return reply(false, message, 0);
      if (kind === "stale") {
        reply(false, message, 0);
        return deps.onStale(ref);
      }
      await clock.sleep(backoff.next(), signal).catch(ignoreAbort);
    }
    deps.log.warn({ event: "permit_unanswered", taskId: ref.taskId, fence: ref.fence, stepIndex: ask.step_index });
  };
  return async (generation, ask) => {
    if (asking.has(ask.ask_id)) return;
    asking.add(ask.ask_id);
    try {
      await answerAsk(generation, ask);
    } finally {
      asking.delete(ask.ask_id);
    }
  };
}
