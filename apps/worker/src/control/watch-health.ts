import type { AgentHealth, KnobsOverride } from "@valet/contracts";
import {
  type Database,
  type WatchedSandbox,
  addCordon,
  listAllowedReleases,
  moveSandbox,
  raiseEpoch,
  removeCordon,
  sandboxIdsInService,
  setReachable,
  setTargetGeneration,
  unreachableHolder,
  watchedSandboxes,
} from "@valet/db";
import { type Drift, type HostDriver, driftOf } from "@valet/rollout";
import {
  type Clock,
  type Environment,
  type LeaseTimes,
  assertNever,
  driftHolder,
  environments,
  pinnedReason,
} from "@valet/shared";
import type { Log } from "../log.ts";
import { makeAsks } from "./asks.ts";
import { converge } from "./converge.ts";
import type { ControlLoop } from "./loop.ts";
import { makeObservationNotes } from "./observation-notes.ts";

export interface WatchHealthDeps {
  db: Database;
  driver: HostDriver;
  clock: Clock;
  times: LeaseTimes;
  log: Log;
  /** This installation's knobs for the deploys that converge a host; rollout.yml of their environment comes before them. */
  knobs: KnobsOverride;
  everyMs?: number;
  /** A host that is silent this long is unreachable; an agent's own restart is shorter. */
  unreachableAfterMs?: number;
}

const silent = { holderKind: "health", holderId: unreachableHolder } as const;
/** Beside the cordon of silence: it is back, but must not work on the release it came back with. */

/**
 * Asks every agent how it is. Silent too long: unhealthy, and cordoned in health's own name. Back again: first what it runs is
 * compared with what its environment allows, and only a host that may run what it runs gets its cordon lifted (F28). It never
 * drains a host that works: drift repair is an ordinary deploy, which hands over slot by slot (F22).
 */
export function watchHealthLoop(deps: WatchHealthDeps): ControlLoop {
  const { db, driver, clock, everyMs = 2_000, unreachableAfterMs = 15_000 } = deps;
  const silentSince = new Map<string, number>();
  const unsoundSince = new Map<string, number>();
  const notes = makeObservationNotes(deps);

  async function watch(row: WatchedSandbox, allowed: readonly string[], signal: AbortSignal): Promise<boolean> {
    const seen = await driver.observe(row.id, signal);
    notes.note(row.id, seen);
    if (seen.ok) {
      silentSince.delete(row.id);
      const drift = driftOf(seen.value, row.targetGeneration, allowed, row.targetSlots);
      // A GH worker that is just being restarted is not worth a word yet.
      if (drift.kind === "unsound" && !lasts(unsoundSince, row.id)) return false;
      if (drift.kind !== "unsound") unsoundSince.delete(row.id);
      return welcome(deps, row, seen.value, drift);
    }
    if (lasts(silentSince, row.id)) await giveUp(deps, row, seen.error.message);
    return false;
  }

  /** Notes when it began; true once it has gone on for too long. */
  function lasts(since: Map<string, number>, sandboxId: string): boolean {
    const began = since.get(sandboxId) ?? clock.now();
    since.set(sandboxId, began);
    return clock.now() - began >= unreachableAfterMs;
  }

  async function round(environment: Environment, signal: AbortSignal): Promise<void> {
    const ids = await sandboxIdsInService(db, environment);
    if (ids.length === 0) return;
    const allowed = (await listAllowedReleases(db, environment, "ghosthands")).map((one) => one.imageDigest);
    const drift: WatchedSandbox[] = [];
    const ask = async (row: WatchedSandbox) => {
      if (await watch(row, allowed, signal)) drift.push(row);
    };
    const perPart = Math.max(smallestPart, Math.ceil(ids.length / mostParts));
    const asks = makeAsks(mostAtOnce);
    for (let from = 0; from < ids.length; from += perPart) {
      // A silent host must not hold up those after it: the next part begins while its answer is waited for.
      if (from > 0) await clock.sleep(everyMs / partsPerPause, signal);
      for (const row of await watchedSandboxes(db, ids.slice(from, from + perPart), deps.times)) {
        await asks.start(() => ask(row));
      }
      await notes.flush();
    }
    await asks.ended();
    await notes.flush();
    if (drift.length > 0) await converge(deps, environment, drift);
  }

  return {
    name: "watch-health",
    everyMs,
    async round(signal) {
      for (const environment of environments) await round(environment, signal);
      return "idle";
    },
  };
}

/** Hosts asked at the same time. */
const mostAtOnce = 64;
/** A fleet is asked in parts with short pauses between them: what watches must not take the processor from what works. */
const smallestPart = 40;
const mostParts = 50;
const partsPerPause = 10;

async function giveUp(deps: WatchHealthDeps, row: WatchedSandbox, why: string): Promise<void> {
  if (has(row, silent)) return;
  const reason = `its agent does not answer: ${why}`;
  await deps.db.tx(async (tx) => {
    await addCordon(tx, row.id, { ...silent, reason });
    // A heartbeat of its sandbox worker says that the host itself is there.
    if (!row.isSessionLive) await setReachable(tx, row.id, false);
    await moveSandbox(tx, row.id, { to: "unhealthy", reason });
  });
  deps.log.warn({ event: "sandbox_unreachable", sandboxId: row.id, name: row.name, reason: why });
}

/** Returns true when the host runs what it may not run and needs a deploy of its own. */
async function welcome(
  deps: WatchHealthDeps,
  row: WatchedSandbox,
  health: AgentHealth,
  drift: Drift,
): Promise<boolean> {
  const { db } = deps;
  if (health.epoch > row.epoch) await raiseEpoch(db, row.id, health.epoch);
  // A deploy that changes this host decides about it; its agent answers, so that deploy may go on.
  if (row.isInDeploy) {
    if (has(row, silent)) await db.tx((tx) => removeCordon(tx, row.id, silent));
    return false;
  }
  switch (drift.kind) {
    case "converge":
      await hold(deps, row, drift.reason);
      await serveAgain(deps, row, drift);
      return true;
    case "unsound":
      if (row.state === "active") await move(deps, row, "unhealthy", drift.reason);
      return false;
    case "retarget":
      await db.tx((tx) => setTargetGeneration(tx, row.id, drift.generation));
      deps.log.info({ event: "sandbox_retargeted", sandboxId: row.id, generation: drift.generation });
      await serveAgain(deps, row, drift);
      return false;
    case "none":
    case "pinned":
      await serveAgain(deps, row, drift);
      return false;
    default:
      return assertNever(drift);
  }
}

/** Holds a returned host out of work until it has been converged. Its running tasks go on. */
async function hold({ db, log }: WatchHealthDeps, row: WatchedSandbox, reason: string): Promise<void> {
  if (has(row, driftHolder)) return;
  await db.tx((tx) => addCordon(tx, row.id, { ...driftHolder, reason }));
  log.warn({ event: "sandbox_drifted", sandboxId: row.id, name: row.name, reason });
}

async function serveAgain(deps: WatchHealthDeps, row: WatchedSandbox, drift: Drift): Promise<void> {
  const { db } = deps;
  if (has(row, silent)) {
    await db.tx((tx) => removeCordon(tx, row.id, silent));
    deps.log.info({ event: "sandbox_back", sandboxId: row.id, name: row.name });
  }
  if (drift.kind !== "converge" && has(row, driftHolder)) await db.tx((tx) => removeCordon(tx, row.id, driftHolder));
  if (!row.isSessionLive) return;
  const reason = drift.kind === "pinned" ? pinnedReason(drift.imageTag) : "its agent and its session answer";
  const isWaiting = row.state === "provisioning" || row.state === "unhealthy";
  if (isWaiting || (drift.kind === "pinned" && row.stateReason !== reason)) await move(deps, row, "active", reason);
}

async function move(
  deps: WatchHealthDeps,
  row: WatchedSandbox,
  to: "active" | "unhealthy",
  reason: string,
): Promise<void> {
  // An operator may have moved it meanwhile: then their word stands.
  const moved = await deps.db.tx((tx) => moveSandbox(tx, row.id, { to, reason, expectedRevision: row.revision }));
  if (moved.ok) deps.log.info({ event: "sandbox_moved", sandboxId: row.id, name: row.name, to, reason });
}

function has(row: WatchedSandbox, holder: { holderKind: string; holderId: string }): boolean {
  return row.cordons.some((one) => one.holderKind === holder.holderKind && one.holderId === holder.holderId);
}
