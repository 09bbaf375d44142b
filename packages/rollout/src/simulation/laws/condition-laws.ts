import { hostsOf } from "@valet/shared";
import { inFlightSteps, outOfServiceSteps } from "../../decide/hosts.ts";
import type { DeployDocument } from "../../model.ts";
import { isAlive, type SimGeneration, type SimHost } from "../sim-host.ts";
import { epochMs, type World } from "../world.ts";
import type { Saved } from "./deploy-laws.ts";

/** Laws about what stands round a deploy: freezes, approvals, other services, memory, migrations. Each answers what is wrong, or null. */
export function freezeKept(world: World, { before, next }: Saved, now: number): string | null {
  if (next.state === "rolling_back" && next.waitingOn.some((text) => text.includes("freeze"))) {
    return `deploy ${next.id} goes back and waits for a freeze`;
  }
  if (next.ignoreFreeze) return null;
  const on = (world.script.freezes ?? []).filter(({ fromMs, toMs }) => fromMs <= now - epochMs && now - epochMs < toMs);
  const [first] = on;
  if (!first) return null;
  if (before.startedAt === null && next.startedAt !== null) return `deploy ${next.id} begins within ${first.name}`;
  const pausing = on.find((one) => one.pauses);
  if (!pausing) return null;
  const begun = next.hosts.find((host) => isWaiting(before, host.sandboxId) && inFlightSteps.includes(host.step));
  if (begun) return `deploy ${next.id} begins ${begun.name} within ${pausing.name}, which pauses deploys`;
  if (before.startedAt !== null && next.course.step > before.course.step) {
    return `deploy ${next.id} takes its next step within ${pausing.name}, which pauses deploys`;
  }
  const isSwitched = next.course.switched && !before.course.switched;
  return isSwitched ? `deploy ${next.id} switches within ${pausing.name}, which pauses deploys` : null;
}

/** `others`: people who have approved it, without whoever asked for it. */
export function approvedByOthers(world: World, { before, next }: Saved, others: number): string | null {
  const isAsked = before.state === "awaiting_approval" || before.state === "awaiting_trigger";
  if (!isAsked || next.state !== "queued") return null;
  const needed = Math.max(before.state === "awaiting_approval" ? 1 : 0, world.script.approvals ?? 0);
  return others >= needed ? null : `deploy ${next.id} goes on with ${others} of ${needed} approvals by others`;
}

const isActive = ({ startedAt, endedAt }: DeployDocument): boolean => startedAt !== null && endedAt === null;

/** Whoever begins a host finds no other deploy, of any service, in the middle of it. */
export function oneChangeAtATime(world: World, { before, next }: Saved): string | null {
  for (const host of next.hosts) {
    if (!isWaiting(before, host.sandboxId) || !inFlightSteps.includes(host.step)) continue;
    for (const other of world.store.deploys.values()) {
      if (other.id === next.id || !isActive(other)) continue;
      const there = other.hosts.find((one) => one.sandboxId === host.sandboxId)?.step;
      if (there !== undefined && (inFlightSteps.includes(there) || there === "rolling_back")) {
        return `deploy ${next.id} begins ${host.name}, where deploy ${other.id} is ${there}`;
      }
    }
  }
  return null;
}

/** Hosts that this save takes out of service. */
const takenBy = ({ before, next }: Saved): string[] =>
  next.hosts
    .filter((host) => outOfServiceSteps.includes(host.step) && isWaiting(before, host.sandboxId))
    .map((host) => host.sandboxId);

/** Its turn has not come before this save. */
function isWaiting(before: DeployDocument, sandboxId: string): boolean {
  const step = before.hosts.find((one) => one.sandboxId === sandboxId)?.step;
  return step === "pending" || step === "skipped";
}

/** Those of them that health checks held out of service before. */
export function takenIdle(world: World, saved: Saved): string[] {
  return takenBy(saved).filter((id) =>
    world.tasks.sandboxes
      .get(id)
      ?.cordons.some((cordon) => cordon.holderKind === "health" && cordon.holderId === "drift"),
  );
}

/** All services together hold no more hosts out of service than whoever takes the next one may. */
export function sharedUnavailable(world: World, saved: Saved, idle: ReadonlySet<string>): string | null {
  const { next } = saved;
  if (takenBy(saved).every((id) => idle.has(`${next.id} ${id}`))) return null;
  const down: string[] = [];
  for (const one of world.tasks.sandboxes.values()) {
    const holders = one.cordons.filter((cordon) => cordon.holderKind === "deploy");
    if (holders.some((cordon) => !idle.has(`${cordon.holderId} ${one.id}`))) down.push(one.name);
  }
  const most = hostsOf(next.knobs.maxUnavailable, next.hosts.length);
  return down.length > most ? `deploys hold ${down.join(", ")} out of service; ${next.id} may at most ${most}` : null;
}

/** A generation that a deploy starts finds room for itself beside what lives there. */
export function memoryHolds(host: SimHost): string | null {
  if (host.rooms === undefined || host.procedure?.kind !== "deploy") return null;
  const alive = host.generations.filter(isAlive).length;
  return alive - 1 > host.rooms ? `${host.name} runs ${alive} generations, its memory holds ${1 + host.rooms}` : null;
}

/** Whatever lives on a host, or comes back with it, finds the shape of the database that it needs. */
export function shapeStands(world: World, host: SimHost): string | null {
  for (const one of host.generations) {
    if (!isAlive(one)) continue;
    const missing = missingShape(world, one);
    if (missing !== null)
      return `${host.name}, generation ${one.generation} of ${one.tag} (${one.state}) needs the ${missing} shape`;
  }
  return null;
}

function missingShape(world: World, one: SimGeneration): string | null {
  const needs = world.script.releases.find((release) => release.tag === one.tag)?.needs;
  if (needs !== undefined && needs !== "new" && !world.shapes.has("old")) return "old";
  return needs !== undefined && needs !== "old" && !world.shapes.has("new") ? "new" : null;
}
