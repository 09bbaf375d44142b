import type { AgentHealth } from "@valet/contracts";
import type { EnvironmentFacts, Observation, Observations, SandboxFacts } from "../observation.ts";
import { changedFields, sameJson } from "./same-json.ts";

/** What one look at the world showed that the look before did not: of 10,000 hosts, those few where something moved. */
export interface ObservationDelta {
  environment: Partial<EnvironmentFacts>;
  /** Sandbox ids in the order hosts are taken; absent while it is as before. */
  order?: string[];
  sandboxes: Record<string, SandboxDelta>;
}
export type SandboxDelta =
  | { whole: Observation }
  | { facts?: Partial<SandboxFacts>; health?: Partial<AgentHealth>; rest?: Record<string, unknown> };

/** Observations by sandbox, as folded from all deltas so far. */
export interface Folded {
  environment: EnvironmentFacts;
  order: readonly string[];
  sandboxes: ReadonlyMap<string, Observation>;
}

export function foldedOf({ environment, sandboxes }: Observations): Folded {
  return {
    environment,
    order: sandboxes.map((one) => one.facts.sandboxId),
    sandboxes: new Map(sandboxes.map((one) => [one.facts.sandboxId, one])),
  };
}

export function observationsOf({ environment, order, sandboxes }: Folded): Observations {
  return { environment, sandboxes: order.flatMap((id) => sandboxes.get(id) ?? []) };
}

/** `before` null: everything is new. */
export function observationDelta(before: Folded | null, after: Folded): ObservationDelta {
  const environment = before ? changedFields(before.environment, after.environment) : after.environment;
  const delta: ObservationDelta = { environment: environment ?? after.environment, sandboxes: {} };
  if (!before || !sameJson(before.order, after.order)) delta.order = [...after.order];
  for (const [id, observation] of after.sandboxes) {
    const was = before?.sandboxes.get(id);
    if (was && sameJson(was, observation)) continue;
    delta.sandboxes[id] = was ? sandboxDelta(was, observation) : { whole: observation };
  }
  return delta;
}

function sandboxDelta(was: Observation, now: Observation): SandboxDelta {
  const facts = changedFields(was.facts, now.facts);
  if (facts === null || was.kind !== now.kind) return { whole: now };
  const delta: SandboxDelta = Object.keys(facts).length > 0 ? { facts } : {};
  if (was.kind === "seen" && now.kind === "seen") {
    const health = changedFields(was.health, now.health);
    if (health === null) return { whole: now };
    if (Object.keys(health).length > 0) delta.health = health;
  }
  const rest = changedFields(restOf(was), restOf(now));
  if (rest === null) return { whole: now };
  return Object.keys(rest).length > 0 ? { ...delta, rest } : delta;
}

function restOf({ facts: _facts, ...rest }: Observation): Record<string, unknown> {
  return { ...rest, health: null };
}

/** The opposite of `observationDelta`. Sandboxes that the order no longer names are forgotten. */
export function foldDelta(before: Folded | null, delta: ObservationDelta): Folded {
  const order = delta.order ?? before?.order ?? [];
  const sandboxes = new Map(before?.sandboxes);
  for (const [id, change] of Object.entries(delta.sandboxes))
    sandboxes.set(id, patched(before?.sandboxes.get(id), change));
  if (delta.order) {
    const known = new Set(order);
    for (const id of sandboxes.keys()) if (!known.has(id)) sandboxes.delete(id);
  }
  return { environment: { ...before?.environment, ...delta.environment } as EnvironmentFacts, order, sandboxes };
}

function patched(was: Observation | undefined, change: SandboxDelta): Observation {
  if ("whole" in change) return change.whole;
  if (!was) throw new Error("the journal changes a sandbox that it never described");
  const next = { ...was, ...change.rest, facts: { ...was.facts, ...change.facts } };
  if (was.kind !== "seen") return next as Observation;
  return { ...next, health: { ...was.health, ...change.health } } as Observation;
}
