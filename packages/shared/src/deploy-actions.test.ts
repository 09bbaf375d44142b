import { describe, expect, it } from "vitest";
import { deployActionNames, deployActions, deployActionsFor, taskActions, taskActionsFor } from "./deploy-actions.ts";
import { deployStates, taskStates, type DeployState } from "./states.ts";
import { canMove, deployTransitions, isTerminal, taskTransitions } from "./transitions.ts";

/** Where each action takes a deploy. */
const targets: Record<(typeof deployActionNames)[number], readonly DeployState[]> = {
  trigger: ["in_progress", "queued"],
  approve: ["queued", "in_progress"],
  // Past a canary step the deploy stays in progress; past its bake it is completed.
  promote: ["in_progress", "completed"],
  pause: ["paused"],
  resume: ["in_progress", "rolling_back"],
  retry: ["in_progress"],
  abort: ["aborting", "aborted"],
  rollback: ["rolling_back"],
};

describe("deployActions", () => {
  it("offers an action only where the transition table lets the deploy move there", () => {
    for (const action of deployActionNames) {
      for (const state of deployActions[action]) {
        if (action === "promote" && state === "in_progress") continue;
        // A completed deploy stays completed: its rollback is a deploy of its own.
        if (action === "rollback" && state === "completed") continue;
        expect(
          targets[action].some((to) => canMove(deployTransitions, state, to)),
          `${action} in ${state}`,
        ).toBe(true);
      }
    }
  });

  it("never offers to roll back a rollback, and nothing at all on a deploy that is over", () => {
    for (const state of ["rolling_back", "rolled_back", "aborted", "superseded"] as const)
      expect(deployActionsFor(state)).toEqual([]);
    expect(deployActionsFor("rollback_paused")).toEqual(["resume", "abort"]);
  });

  it("leaves no waiting or paused deploy without a way on", () => {
    for (const state of deployStates) {
      if (isTerminal(deployTransitions, state) || state === "aborting" || state === "rolling_back") continue;
      expect(deployActionsFor(state).length, state).toBeGreaterThan(0);
    }
  });
});

describe("taskActions", () => {
  it("cancels exactly what may become cancelled", () => {
    expect(taskActions.cancel).toEqual(taskStates.filter((state) => canMove(taskTransitions, state, "cancelled")));
  });

  it("asks for a person's decision only on a doubtful task", () => {
    expect(taskStates.filter((state) => taskActionsFor(state).includes("review"))).toEqual(["needs_review"]);
  });
});
