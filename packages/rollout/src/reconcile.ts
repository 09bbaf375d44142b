import { assertNever, type Clock } from "@valet/shared";
import { decide } from "./decide.ts";
import type { CommandAnswer, HostDriver } from "./driver.ts";
import type { Effect } from "./effect.ts";
import { steadyHealth } from "./history/steady-health.ts";
import { makeProbe } from "./probe.ts";
import { mapLimited } from "./map-limited.ts";
import type { DeployDocument } from "./model.ts";
import type { Observation, Observations, Refusal, SandboxFacts } from "./observation.ts";
import type { DeployStore } from "./store.ts";

export interface ReconcileDeps {
  store: DeployStore;
  driver: HostDriver;
  clock: Clock;
  /** Told of each command and what the host said, for the log. */
  onCommand?(effect: Effect, answer: CommandAnswer): void;
}
/** What one pass did. `settled`: nothing to save; the world has to move first. */
export type Reconciled =
  | { kind: "gone" }
  | { kind: "saved"; deploy: DeployDocument }
  | { kind: "settled"; deploy: DeployDocument }
  | { kind: "lost_race" };
export type Reconcile = (deployId: string, signal: AbortSignal) => Promise<Reconciled>;

/** Hosts asked or told at the same time. */
const mostAtOnce = 64;

/**
 * One pass over one deploy: load, observe, decide, save guarded by the revision, and only then perform. It may be killed at any
 * point and run by any number of processes at once: effects are derived anew on each pass, and each carries its epoch. It
 * retries nothing; a lost race simply returns.
 *
 * What it remembers between passes (since when a host has been silent, what it refused last) is soft: losing it costs time only.
 */
export function makeReconcile(deps: ReconcileDeps): Reconcile {
  const silentSince = new Map<string, number>();
  const refusals = new Map<string, Refusal>();

  const probe = makeProbe(deps);

  const look = async (facts: SandboxFacts, signal: AbortSignal): Promise<Observation> => {
    const seen = await probe(facts.sandboxId, silentSince.has(facts.sandboxId), signal);
    if (seen.ok) {
      silentSince.delete(facts.sandboxId);
      return { kind: "seen", health: steadyHealth(seen.value), refusal: refusals.get(facts.sandboxId) ?? null, facts };
    }
    const since = facts.unreachableSince ?? silentSince.get(facts.sandboxId) ?? deps.clock.now();
    silentSince.set(facts.sandboxId, since);
    return { kind: "unreachable", since, why: seen.error.message, facts };
  };

  const perform = async (effect: Effect, signal: AbortSignal): Promise<void> => {
    const answer = await send(deps.driver, effect, signal);
    deps.onCommand?.(effect, answer);
    if (answer.ok || answer.error.kind === "stale" || answer.error.kind === "unreachable") {
      refusals.delete(effect.sandboxId);
      return;
    }
    refusals.set(effect.sandboxId, {
      epoch: effect.epoch,
      kind: answer.error.kind,
      message: answer.error.message,
    });
  };

  return async (deployId, signal) => {
    const deploy = await deps.store.load(deployId);
    if (!deploy) return { kind: "gone" };
    const facts = await deps.store.facts(deploy);
    const observations: Observations = {
      environment: facts.environment,
      sandboxes: await mapLimited(facts.sandboxes, mostAtOnce, (one) => look(one, signal)),
    };
    const now = deps.clock.now();
    const decided = decide(deploy, observations, now);
    if (decided.isChanged) {
      const { decisions, writes } = decided;
      const change = { decisions, writes, seen: { deploy, observations, now } };
      const saved = await deps.store.save(decided.next, deploy.revision, change);
      if (saved === "lost_race") return { kind: "lost_race" };
    }
    await mapLimited(decided.effects, mostAtOnce, (effect) => perform(effect, signal));
    return { kind: decided.isChanged ? "saved" : "settled", deploy: decided.next };
  };
}

function send(driver: HostDriver, effect: Effect, signal: AbortSignal): Promise<CommandAnswer> {
  switch (effect.kind) {
    case "deploy":
      return driver.deploy(effect, effect.command, signal);
    case "settle":
      return driver.settle(effect, effect, signal);
    case "rollback":
      return driver.rollback(effect, effect, signal);
    case "drain":
      return driver.drain(effect, signal);
    case "undrain":
      return driver.undrain(effect, signal);
    case "fence":
      return driver.fence(effect, signal);
    case "end_generation":
      return driver.endGeneration(effect, effect, signal);
    default:
      return assertNever(effect);
  }
}
