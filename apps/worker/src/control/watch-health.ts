import type { AgentHealth } from "@valet/contracts";
import {
  type Database,
  type SandboxRow,
  addCordon,
  listActiveForEnvironment,
  listAllowedReleases,
  moveSandbox,
  raiseEpoch,
  removeCordon,
  sandboxWork,
  sandboxesUnderDeploy,
  setReachable,
  setTargetGeneration,
  unreachableHolder,
} from "@valet/db";
import { type Drift, type HostDriver, driftOf, mapLimited } from "@valet/rollout";
import {
  type Clock,
  type Environment,
  type LeaseTimes,
  type RolloutKnobs,
  assertNever,
  environments,
} from "@valet/shared";
import type { Log } from "../log.ts";
import { converge } from "./converge.ts";
import type { ControlLoop } from "./loop.ts";
import { makeObservationNotes } from "./observation-notes.ts";

export interface WatchHealthDeps {
  db: Database;
  driver: HostDriver;
  clock: Clock;
  times: LeaseTimes;
  log: Log;
  /** Knobs of the deploys that converge a host. */
  knobs: RolloutKnobs;
  everyMs?: number;
  /** A host that is silent this long is unreachable; an agent's own restart is shorter. */
  unreachableAfterMs?: number;
}

const silent = { holderKind: "health", holderId: unreachableHolder } as const;
/** Beside the cordon of silence: it is back, but must not work on the release it came back with. */
const drifted = { holderKind: "health", holderId: "drift" } as const;

interface Watched {
  row: SandboxRow;
  isSessionLive: boolean;
  isInDeploy: boolean;
  allowed: readonly string[];
}

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

  async function watch(watched: Watched, signal: AbortSignal): Promise<boolean> {
    const { row } = watched;
    const seen = await driver.observe(row.id, signal);
    notes.note(row.id, seen);
    if (seen.ok) {
      silentSince.delete(row.id);
      const drift = driftOf(seen.value, row.targetGeneration, watched.allowed, row.targetSlots);
      // A GH worker that is just being restarted is not worth a word yet.
      if (drift.kind === "unsound" && !lasts(unsoundSince, row.id)) return false;
      if (drift.kind !== "unsound") unsoundSince.delete(row.id);
      return welcome(deps, watched, seen.value, drift);
    }
    if (lasts(silentSince, row.id)) await giveUp(deps, watched, seen.error.message);
    return false;
  }

  /** Notes when it began; true once it has gone on for too long. */
  function lasts(since: Map<string, number>, sandboxId: string): boolean {
    const began = since.get(sandboxId) ?? clock.now();
    since.set(sandboxId, began);
    return clock.now() - began >= unreachableAfterMs;
  }

  async function round(environment: Environment, signal: AbortSignal): Promise<void> {
    const rows = await listActiveForEnvironment(db, environment);
    if (rows.length === 0) return;
    const allowed = (await listAllowedReleases(db, environment, "ghosthands")).map((one) => one.imageDigest);
    const drift: SandboxRow[] = [];
    for (let from = 0; from < rows.length; from += mostInARow) {
      const some = rows.slice(from, from + mostInARow);
      const ids = some.map((row) => row.id);
      const live = new Set(
        (await sandboxWork(db, ids, noDeploy, deps.times)).flatMap((one) => (one.isSessionLive ? [one.sandboxId] : [])),
      );
      const underDeploy = new Set(await sandboxesUnderDeploy(db, environment));
      await mapLimited(some, mostAtOnce, async (row) => {
        const watched = { row, allowed, isSessionLive: live.has(row.id), isInDeploy: underDeploy.has(row.id) };
        if (await watch(watched, signal)) drift.push(row);
      });
      if (from + mostInARow < rows.length) await clock.sleep(everyMs, signal);
    }
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
/** Hosts asked before a pause of the loop's own length: a fleet of thousands is gone round in some seconds, not in one breath. */
const mostInARow = 400;
/** No deploy has this id: of a sandbox's deploys, none is left out. */
const noDeploy = "00000000-0000-0000-0000-000000000000";

async function giveUp(deps: WatchHealthDeps, { row, isSessionLive }: Watched, why: string): Promise<void> {
  if (has(row, silent)) return;
  const reason = `its agent does not answer: ${why}`;
  await deps.db.tx(async (tx) => {
    await addCordon(tx, row.id, { ...silent, reason });
    // A heartbeat of its sandbox worker says that the host itself is there.
    if (!isSessionLive) await setReachable(tx, row.id, false);
    await moveSandbox(tx, row.id, { to: "unhealthy", reason });
  });
  deps.log.warn({ event: "sandbox_unreachable", sandboxId: row.id, name: row.name, reason: why });
}

/** Returns true when the host runs what it may not run and needs a deploy of its own. */
async function welcome(deps: WatchHealthDeps, watched: Watched, health: AgentHealth, drift: Drift): Promise<boolean> {
  const { db } = deps;
  const { row } = watched;
  if (health.epoch > row.epoch) await raiseEpoch(db, row.id, health.epoch);
  // A deploy that changes this host decides about it; its agent answers, so that deploy may go on.
  if (watched.isInDeploy) {
    if (has(row, silent)) await db.tx((tx) => removeCordon(tx, row.id, silent));
    return false;
  }
  switch (drift.kind) {
    case "converge":
      await hold(deps, row, drift.reason);
      await serveAgain(deps, watched, drift);
      return true;
    case "unsound":
      if (row.state === "active") await move(deps, row, "unhealthy", drift.reason);
      return false;
    case "retarget":
      await db.tx((tx) => setTargetGeneration(tx, row.id, drift.generation));
      deps.log.info({ event: "sandbox_retargeted", sandboxId: row.id, generation: drift.generation });
      await serveAgain(deps, watched, drift);
      return false;
    case "none":
    case "pinned":
      await serveAgain(deps, watched, drift);
      return false;
    default:
      return assertNever(drift);
  }
}

/** Holds a returned host out of work until it has been converged. Its running tasks go on. */
async function hold({ db, log }: WatchHealthDeps, row: SandboxRow, reason: string): Promise<void> {
  if (has(row, drifted)) return;
  await db.tx((tx) => addCordon(tx, row.id, { ...drifted, reason }));
  log.warn({ event: "sandbox_drifted", sandboxId: row.id, name: row.name, reason });
}

async function serveAgain(deps: WatchHealthDeps, { row, isSessionLive }: Watched, drift: Drift): Promise<void> {
  const { db } = deps;
  if (has(row, silent)) {
    await db.tx((tx) => removeCordon(tx, row.id, silent));
    deps.log.info({ event: "sandbox_back", sandboxId: row.id, name: row.name });
  }
  if (drift.kind !== "converge" && has(row, drifted)) await db.tx((tx) => removeCordon(tx, row.id, drifted));
  if (!isSessionLive) return;
  const reason = drift.kind === "pinned" ? `pinned by hand to ${drift.imageTag}` : "its agent and its session answer";
  const isWaiting = row.state === "provisioning" || row.state === "unhealthy";
  if (isWaiting || (drift.kind === "pinned" && row.stateReason !== reason)) await move(deps, row, "active", reason);
}

async function move(deps: WatchHealthDeps, row: SandboxRow, to: "active" | "unhealthy", reason: string): Promise<void> {
  // An operator may have moved it meanwhile: then their word stands.
  const moved = await deps.db.tx((tx) => moveSandbox(tx, row.id, { to, reason, expectedRevision: row.revision }));
  if (moved.ok) deps.log.info({ event: "sandbox_moved", sandboxId: row.id, name: row.name, to, reason });
}

function has(row: SandboxRow, holder: { holderKind: string; holderId: string }): boolean {
  return row.cordons.some((one) => one.holderKind === holder.holderKind && one.holderId === holder.holderId);
}
