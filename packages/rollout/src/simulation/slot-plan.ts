import { isAlive, type SimGeneration, type SimHost } from "./sim-host.ts";
import type { World } from "./world.ts";

/** Making a clean browser ready. */
const prepareMs = 400;

/**
 * Gives each generation the browsers that the plan wants, as the sandbox worker's slot keeper does: its own slots, and one spare for
 * whoever is to take slots over, never while another still holds a browser that is not its own any more.
 */
export function applyPlan(world: World, host: SimHost): void {
  const { plan } = host;
  const alive = host.generations.filter(isAlive);
  if (!plan) return;
  const owned = new Map(alive.map((one) => [one, ownedBy(host, one)]));
  for (const one of alive) {
    const own = owned.get(one) ?? new Set<number>();
    for (const [index, state] of one.slots) if (!own.has(index) && state !== "busy") one.slots.delete(index);
    if (!one.isWorkerUp) continue;
    for (const index of own) if (!one.slots.has(index)) open(world, host, one, index);
  }
  const candidate = spareCandidate(host, alive);
  for (const one of alive) {
    if (one !== candidate) one.spare = "none";
    else if (
      one.spare === "none" &&
      one.isWorkerUp &&
      alive.every((other) => other === one || !holdsForeign(other, owned.get(other)))
    ) {
      prepareSpare(world, host, one);
    }
  }
}

function ownedBy(host: SimHost, { generation }: SimGeneration): Set<number> {
  const own = new Set<number>();
  for (const slot of host.plan?.slots ?? []) if (slot.generation === generation) own.add(slot.index);
  return own;
}

function open(world: World, host: SimHost, one: SimGeneration, index: number): void {
  if (one.spare === "ready") {
    one.spare = "none";
    one.slots.set(index, "ready");
    return;
  }
  prepare(world, host, one, index);
}

/** A clean context and page for a slot. */
export function prepare(world: World, host: SimHost, one: SimGeneration, index: number): void {
  one.slots.set(index, "preparing");
  const { bootId } = one;
  world.after(prepareMs, () => {
    if (one.bootId !== bootId || one.slots.get(index) !== "preparing") return;
    one.slots.set(index, "ready");
    world.parts.heartbeatSoon(host);
  });
}

function prepareSpare(world: World, host: SimHost, one: SimGeneration): void {
  one.spare = "preparing";
  const { bootId } = one;
  world.after(prepareMs, () => {
    if (one.bootId !== bootId || one.spare !== "preparing") return;
    one.spare = "ready";
    world.parts.heartbeatSoon(host);
  });
}

function spareCandidate(host: SimHost, alive: readonly SimGeneration[]): SimGeneration | undefined {
  const target = host.plan?.target ?? null;
  const comingUp = alive.filter(
    (one) => (one.state === "starting" || one.state === "serving") && one.generation > (target ?? 0),
  );
  if (comingUp.length > 0) return comingUp.at(-1);
  const hasMissing = host.plan?.slots.some((slot) => slot.generation !== target) ?? false;
  return hasMissing ? alive.find((one) => one.generation === target) : undefined;
}

function holdsForeign(other: SimGeneration, own: ReadonlySet<number> | undefined): boolean {
  if (other.spare !== "none") return true;
  for (const index of other.slots.keys()) if (!own?.has(index)) return true;
  return false;
}
