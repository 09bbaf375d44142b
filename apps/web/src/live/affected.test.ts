import type { LiveEvent } from "@valet/contracts";
import { describe, expect, it } from "vitest";
import { keys } from "../query-keys.ts";
import { affectedBy } from "./affected.ts";

const deployUpdate: LiveEvent = { type: "deploy_update", eventId: 1, deployId: "d1", status: "paused", sandboxes: [] };

describe("affectedBy", () => {
  it("reloads a deploy, the list it is in and the fleet it changes", () => {
    expect(affectedBy(deployUpdate)).toEqual([keys.deploys, keys.deploy("d1"), keys.sandboxes]);
  });

  it("reloads a task, its list and the slots of the fleet", () => {
    const event: LiveEvent = { type: "task_update", eventId: 2, taskId: "t1", status: "running", sandboxId: null };
    expect(affectedBy(event)).toEqual([keys.tasks, keys.task("t1"), keys.sandboxes]);
  });

  it("reloads everything after a reset", () => {
    expect(affectedBy({ type: "reset", eventId: 0 })).toEqual([keys.all]);
  });
});
