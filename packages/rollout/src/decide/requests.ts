import { assertNever, canDeployAction } from "@valet/shared";
import type { DeployRequest } from "../model.ts";
import { beginAbort } from "./abort.ts";
import { beginRollback, canGoBack, resumeRollback } from "./back.ts";
import { moveDeploy, moveHost, say, type Draft } from "./draft.ts";
import { fenceUntaken } from "./fence-untaken.ts";

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
      moveDeploy(draft, "queued", because(request, "triggered"));
      return;
    case "approve":
      moveDeploy(draft, "queued", because(request, "approved"));
      return;
    case "promote":
      if (deploy.state === "paused") resume(draft, request);
      else say(draft, `promote asked by ${request.actor}: nothing waits for it`, { request });
      return;
    case "pause":
      pause(draft, request);
      return;
    case "resume":
      resume(draft, request);
      return;
    case "retry":
      retry(draft, request);
      return;
    case "abort":
      beginAbort(draft, request.actor, because(request, "aborted"));
      return;
    case "rollback":
      if (canGoBack(deploy)) beginRollback(draft, because(request, "rollback asked"));
      else say(draft, "there is nothing to roll back to: no other release has completed here", { request });
      return;
    default:
      assertNever(request.kind);
  }
}

export function because(request: DeployRequest, verb: string): string {
  return request.reason === "" ? `${verb} by ${request.actor}` : `${verb} by ${request.actor}: ${request.reason}`;
}

/** What hosts have taken goes on to its end; a command that no host has shown yet is fenced off, so that it never arrives late. */
function pause(draft: Draft, request: DeployRequest): void {
  const { deploy } = draft;
  const failing = deploy.engine.kind === "rolling" ? deploy.engine.failing : null;
  moveDeploy(draft, "paused", because(request, "paused"));
  deploy.engine = { kind: "paused", since: draft.now, failing, cause: "operator" };
  fenceUntaken(draft);
}

function resume(draft: Draft, request: DeployRequest): void {
  const { deploy } = draft;
  if (deploy.state === "rollback_paused") return resumeRollback(draft, because(request, "rollback resumed"));
  const engine = deploy.engine;
  moveDeploy(draft, "in_progress", because(request, "resumed"));
  deploy.engine = { kind: "rolling", failing: engine.kind === "paused" ? engine.failing : null };
  if (engine.kind !== "paused") return;
  const pausedMs = draft.now - engine.since;
  for (const host of deploy.hosts) {
    if (host.engine.progressedAt !== null) host.engine.progressedAt += pausedMs;
    if (host.engine.phaseSince !== null) host.engine.phaseSince += pausedMs;
    // The drain's time starts anew: resuming a deploy that paused at its drain deadline must not pause it again at once.
    if (host.engine.drainingSince !== null) host.engine.drainingSince = draft.now;
  }
}

function retry(draft: Draft, request: DeployRequest): void {
  const { deploy } = draft;
  if (draft.facts.activeDeployId !== null) {
    say(draft, `retry waits for nothing: deploy ${draft.facts.activeDeployId} is active here; retry once it is over`, {
      request,
    });
    return;
  }
  moveDeploy(draft, "in_progress", because(request, "retried"));
  deploy.engine = { kind: "rolling", failing: null };
  deploy.endedAt = null;
  for (const host of deploy.hosts) {
    if (host.step !== "failed" && host.step !== "skipped") continue;
    host.engine.absent = false;
    moveHost(draft, host, "pending", "to be tried again");
  }
}
