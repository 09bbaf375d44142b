import { fetchAssignments } from "./sandbox-worker.ts";
import type { World } from "./world.ts";

const batchSize = 50;

/** Gives queued tasks to free slots, with the real dispatcher, and rings at the hosts. */
export function assignAll(world: World): void {
  for (const sandboxId of world.tasks.handOverCandidates()) world.tasks.handOverSlots(sandboxId);
  const { reservations } = world.tasks.reserveTasks({ limit: batchSize });
  for (const { taskId, sandboxId, generation, fence } of reservations) {
    world.tell("dispatch", `${taskId} fence ${fence} to ${sandboxId}, generation ${generation}`);
    world.laws.reserved(world, sandboxId, generation);
  }
  for (const sandboxId of new Set(reservations.map((one) => one.sandboxId))) {
    const host = world.hosts.get(sandboxId);
    if (host) world.after(20, () => fetchAssignments(world, host));
  }
}

export function expireAll(world: World): void {
  const { expired } = world.tasks.expireLeases();
  for (const taskId of expired) world.tell("dispatch", `${taskId}: its lease ran out`);
  world.tasks.expireUnacknowledged();
}
