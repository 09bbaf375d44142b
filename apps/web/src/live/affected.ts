import type { LiveEvent } from "@valet/contracts";
import { assertNever } from "@valet/shared";
import { keys, type Key } from "../query-keys.ts";

/** Which loaded answers an event makes stale. Slots and generations move with tasks and deploys, so the fleet follows both. */
export function affectedBy(event: LiveEvent): readonly Key[] {
  switch (event.type) {
    case "deploy_ready":
      return [keys.deploys];
    case "deploy_update":
      return [keys.deploys, keys.deploy(event.deployId), keys.sandboxes];
    case "task_update":
      return [keys.tasks, keys.task(event.taskId), keys.sandboxes];
    case "task_needs_human":
    case "task_resumed":
      return [keys.tasks, keys.task(event.taskId)];
    case "sandbox_update":
      return [keys.sandboxes];
    case "reset":
      return [keys.all];
    default:
      return assertNever(event);
  }
}
