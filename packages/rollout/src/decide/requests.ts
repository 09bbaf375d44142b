import { assertNever, canDeployAction } from "@valet/shared";
import type { DeployRequest } from "../model.ts";
import { beginAbort } from "./abort.ts";
import { approve, queueOrAsk } from "./approvals.ts";
import { beginRollback, canGoBack, resumeRollback, type BackTo } from "./back.ts";
import { say, type Draft } from "./draft.ts";
import { fenceUntaken } from "./fence-untaken.ts";
import { goOn, pauseDeploy } from "./pause.ts";
import { lookAgain, promote } from "./promote.ts";
import { retry } from "./retry.ts";

/** Takes up an operator's wish, once. One that is not allowed in this state is refused with its reason and forgotten. */
export function takeRequest(draft: Draft): void {
  const { deploy } = draft;
  const request = deploy.request;
  if (request === null) return;
  deploy.request = null;
  // A completed deploy is not reopened: its rollback is a deploy of its own, which the API makes.
  if (!canDeployAction(request.kind, deploy.state) || deploy.state === "completed") {
    say(draft, `${request.kind} asked by ${request.actor} is not possible while ${deploy.state}`, { request });
    return;
  }
  switch (request.kind) {
    case "trigger":
      return queueOrAsk(draft, because(request, "triggered"));
    case "approve":
      return approve(draft, request);
    case "promote":
      return promote(draft, request, because(request, "promoted"));
    case "pause":
      return pause(draft, request);
    case "resume":
      return resume(draft, request);
    case "retry":
      return retry(draft, request, because(request, "retried"));
    case "abort":
      return beginAbort(draft, request.actor, because(request, "aborted"));
    case "rollback":
      return rollback(draft, request);
    default:
      assertNever(request.kind);
  }
}

function because(request: DeployRequest, verb: string): string {
  return request.reason === "" ? `${verb} by ${request.actor}` : `${verb} by ${request.actor}: ${request.reason}`;
}

/** What hosts have taken goes on to its end; a command that no host has shown yet is fenced off, so that it never arrives late. */
function pause(draft: Draft, request: DeployRequest): void {
  pauseDeploy(draft, "operator", because(request, "paused"));
  fenceUntaken(draft);
}

function resume(draft: Draft, request: DeployRequest): void {
  const { engine, state } = draft.deploy;
  if (state === "rollback_paused") return resumeRollback(draft, because(request, "rollback resumed"));
  goOn(draft, because(request, "resumed"));
  if (engine.kind === "paused" && engine.cause === "analysis") lookAgain(draft);
}

function rollback(draft: Draft, request: DeployRequest): void {
  const { deploy } = draft;
  const { toDigest: digest, toTag: tag } = request;
  const to: BackTo | null = digest === null ? null : { digest, tag: tag ?? tagOf(draft, digest) };
  if (digest !== null && digest === deploy.imageDigest) {
    say(draft, `rollback refused: ${digest} is what this deploy brings; name another release`, { request });
  } else if (to !== null || canGoBack(deploy)) {
    beginRollback(draft, because(request, "rollback asked"), to);
  } else {
    say(draft, "there is nothing to roll back to: no other release has completed here; name one by its digest", {
      request,
    });
  }
}

function tagOf({ deploy }: Draft, digest: string): string | null {
  return digest === deploy.previousDigest ? deploy.previousTag : null;
}
