import { randomUUID } from "node:crypto";
import type { GhCommand } from "@valet/contracts";
import { err, ok, type Result } from "@valet/shared";
import type { HostClock } from "../runtime/host-clock.ts";

type PermitAnswer = Extract<GhCommand, { type: "permit" }>;

export interface Permit {
  askId: string;
  /** Measured from the moment the question was sent, by the larger of both clocks. */
  isUsable(): boolean;
}

/** Asks for leave to write. */
export interface PermitDesk {
  /** Asks anew whenever an answer came too late to be of use. The error is the reason of a refusal. */
  ask(stepIndex: number, signal: AbortSignal): Promise<Result<Permit, string>>;
  answer(answer: PermitAnswer): void;
}

export function makePermitDesk(deps: {
  permitMs: number;
  clock: HostClock;
  send: (ask: { stepIndex: number; askId: string }) => void;
}): PermitDesk {
  const { clock } = deps;
  const waiting = new Map<string, (answer: PermitAnswer) => void>();

  return {
    async ask(stepIndex, signal) {
      for (;;) {
        signal.throwIfAborted();
        const askId = randomUUID();
        const sentWallMs = clock.wallMs();
        const sentMonoMs = clock.monoMs();
        const elapsedMs = () => Math.max(clock.monoMs() - sentMonoMs, clock.wallMs() - sentWallMs);
        const answered = answerOf(waiting, askId, deps.permitMs, signal);
        deps.send({ stepIndex, askId });
        const answer = await answered;
        if (!answer) continue;
        if (!answer.granted) return err(answer.reason ?? "refused without a reason");
        const usableMs = Math.min(answer.usable_for_ms, deps.permitMs);
        if (elapsedMs() < usableMs) return ok({ askId, isUsable: () => elapsedMs() < usableMs });
      }
    },
    answer: (answer) => waiting.get(answer.ask_id)?.(answer),
  };
}

/** The answer to one question, or undefined once the question is too old to be worth one. */
function answerOf(
  waiting: Map<string, (answer: PermitAnswer) => void>,
  askId: string,
  permitMs: number,
  signal: AbortSignal,
): Promise<PermitAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      waiting.delete(askId);
      signal.removeEventListener("abort", onAbort);
    };
    const onAbort = () => {
      done();
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      done();
      resolve(undefined);
    }, permitMs);
    signal.addEventListener("abort", onAbort, { once: true });
    waiting.set(askId, (answer) => {
      done();
      resolve(answer);
    });
  });
}
