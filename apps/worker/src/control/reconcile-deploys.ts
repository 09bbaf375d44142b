import type { DeployDocument, DeployStore, HostDriver, Reconcile } from "@valet/rollout";
import { makeReconcile, mapLimited } from "@valet/rollout";
import type { Clock, HostStepState } from "@valet/shared";
import { type Bell, ignoreAbort } from "../bell.ts";
import { type Log, messageOf } from "../log.ts";
import type { ControlLoop } from "./loop.ts";

export interface ReconcileDeploysDeps {
  store: DeployStore;
  driver: HostDriver;
  clock: Clock;
  log: Log;
  /** Rung by `valet_deploy` and `valet_sandbox`: a deploy or the sandboxes it waits for changed. */
  bell: Bell;
  /** Something was saved: slots may have another target now. */
  onSaved?: () => void;
}

const tickMs = 1_000;
/** While a host is in the middle of its procedure each wait for a tick is time the rollout loses; a large fleet is asked less often. */
const busyTickMs = 100;
const askMs = 5;
/** Rests between rounds, bell or not: tasks that come and go ring many times a second, and each round asks the hosts. */
const shortestRestMs = 50;
const longestRestMs = 100;
/** Passes over one deploy in one round, while each pass still changes something. */
const mostPasses = 20;
/** Deploys taken forward at the same time; every round comes to each of them. */
const mostDeploysAtOnce = 4;

/**
 * Takes every open deploy forward. Any number of control workers may run it: the revision guards each save, the epoch each
 * command, and whoever loses a race simply looks again.
 */
export function reconcileDeploysLoop(deps: ReconcileDeploysDeps): ControlLoop {
  const { store, driver, clock, log, bell, onSaved = () => undefined } = deps;
  const reconcile = makeReconcile({
    store,
    driver,
    clock,
    onCommand({ kind, sandboxId, deployId, epoch }, answer) {
      const fields = { deployId, sandboxId, command: kind, epoch };
      if (answer.ok) log.info({ event: "host_command_taken", ...fields });
      else
        log.warn({
          event: "host_command_not_taken",
          ...fields,
          outcome: answer.error.kind,
          reason: answer.error.message,
        });
    },
  });
  let restUntilMs = Number.NEGATIVE_INFINITY;
  return {
    name: "reconcile-deploys",
    everyMs: tickMs,
    bell,
    async round(signal) {
      const restMs = restUntilMs - clock.monotonicMs();
      if (restMs > 0) await clock.sleep(restMs, signal).catch(ignoreAbort);
      const failures: unknown[] = [];
      const open = await store.listOpen();
      // One broken deploy must not hold up another environment's, nor many large ones wait for each other's connections.
      const seen = await mapLimited(open, mostDeploysAtOnce, (id) =>
        takeForward(reconcile, id, { log, onSaved }, signal).catch((error: unknown) => void failures.push(error)),
      );
      const deploys = seen.filter((deploy) => deploy != null);
      restUntilMs = clock.monotonicMs() + Math.min(longestRestMs, Math.max(shortestRestMs, askingMs(deploys)));
      if (failures.length > 0 && !signal.aborted) {
        throw new Error(`${failures.length} of ${open.length} deploys: ${failures.map(messageOf).join("; ")}`);
      }
      return pauseMs(deploys);
    },
  };
}

/** Hosts that work at something are asked often; how often depends on how many there are to ask. */
function pauseMs(deploys: readonly DeployDocument[]): number {
  const isBusy = deploys.some((deploy) => deploy.hosts.some((host) => busySteps.has(host.step)));
  return isBusy ? Math.min(tickMs, Math.max(busyTickMs, askingMs(deploys))) : tickMs;
}

function askingMs(deploys: readonly DeployDocument[]): number {
  return deploys.reduce((sum, deploy) => sum + deploy.hosts.length, 0) * askMs;
}

const busySteps = new Set<HostStepState>(["starting", "replacing", "verifying", "handing_over", "rolling_back"]);

/** Passes until nothing changes without the world moving first; a lost race leaves the deploy to whoever won. */
async function takeForward(
  reconcile: Reconcile,
  deployId: string,
  { log, onSaved }: { log: Log; onSaved: () => void },
  signal: AbortSignal,
): Promise<DeployDocument | undefined> {
  for (let pass = 0; pass < mostPasses && !signal.aborted; pass += 1) {
    const outcome = await reconcile(deployId, signal);
    if (outcome.kind !== "saved") return outcome.kind === "settled" ? outcome.deploy : undefined;
    onSaved();
    const { state, stateReason, waitingOn, revision } = outcome.deploy;
    log.info({ event: "deploy_saved", deployId, state, reason: stateReason, waitingOn, revision });
  }
  return undefined;
}
