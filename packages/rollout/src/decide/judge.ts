import { assertNever } from "@valet/shared";
import { defaultAnalysisConfig, type AnalysisResult } from "../analysis/model.ts";
import { stepAnalysis } from "../analysis/step.ts";
import type { DeployDocument } from "../model.ts";
import { beginRollback, canGoBack } from "./back.ts";
import { say, waitFor, type Draft } from "./draft.ts";
import { pauseDeploy } from "./pause.ts";

/** `open`: no final verdict yet. `stopped`: the verdict took the deploy elsewhere. */
export type Judgement = "passed" | "open" | "stopped";

export function isJudged({ knobs }: DeployDocument): boolean {
  return knobs.strategy === "canary" && knobs.analyse;
}

/** One analysis over all steps of the canary, so that its risk of a false alarm is spent once, however many steps there are. */
export function judge(draft: Draft): Judgement {
  const { deploy, now } = draft;
  const { course } = deploy;
  const state = course.analysis;
  if (!isJudged(deploy) || course.overruled || state === null) return "passed";
  const config = deploy.analysis ?? defaultAnalysisConfig;
  const elapsedMs = now - (course.watchedSince ?? state.since);
  const step = stepAnalysis({ samples: draft.facts.samples, config, state, elapsedMs, now });
  if (step.kind === "wait") {
    waitFor(draft, `the analysis: ${step.waitingOn}`);
    return "open";
  }
  if (step.state !== state) {
    course.analysis = step.state;
    const { look, looksTotal, verdict, reason } = step.result;
    say(draft, `analysis, look ${look} of ${looksTotal}: ${verdict}. ${reason}`, { analysis: step.result });
  }
  if (!step.result.final) return "open";
  return act(draft, step.result);
}

function act(draft: Draft, result: AnalysisResult): Judgement {
  const { deploy } = draft;
  switch (result.verdict) {
    case "successful":
      return "passed";
    case "failed":
      fail(draft, `the canary failed its analysis: ${result.reason}`);
      return "stopped";
    case "inconclusive":
    case "error":
      pauseDeploy(draft, "analysis", `the analysis is ${result.verdict}: ${result.reason}`, {
        imageDigest: deploy.imageDigest,
      });
      return "stopped";
    default:
      return assertNever(result.verdict);
  }
}

function fail(draft: Draft, reason: string): void {
  const { deploy } = draft;
  if (!deploy.knobs.autoRevert) return pauseDeploy(draft, "analysis", reason);
  if (canGoBack(deploy)) return beginRollback(draft, reason);
  say(draft, "nothing to roll back to: no other release has completed here; no further host is started", { reason });
  deploy.engine = { kind: "rolling", failing: reason };
}
