import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "@valet/shared";
import { type EpochLedger, openEpochLedger } from "./epoch-ledger.ts";
import { apiUnit, workerUnit, targetedUnit } from "./generation-units.ts";
import { makeGenerations } from "./generations.ts";
import type { HostConfig } from "./host-config.ts";
import { moveGeneration, openHostState } from "./host-state.ts";
import { type Deployer, makeDeployer } from "./deployer.ts";
import { makeProcessRuntime } from "./process-runtime.ts";
import type { Host } from "./procedure.ts";
import { sweepProfiles } from "./orphan-sweep.ts";
import { enforceOn, makeReconciler } from "./reconcile.ts";
import { makeRegistryClient } from "./registry-client.ts";
import { makeReleaseStore } from "./release-store.ts";
import type { HostRuntime } from "./runtime.ts";
import { makeSupervisor } from "./supervisor.ts";
import { makeTargetedWorkers, type TargetedWorkers } from "./targeted-workers.ts";

export interface OpenHost {
  host: Host;
  ledger: EpochLedger;
  deployer: Deployer;
  targetedWorkers: TargetedWorkers;
  /** Adopts what lives, starts what should, goes on with an interrupted procedure, and keeps everything so until closed. */
  run(): void;
  /** Stops watching. With `end`, every generation and targeted worker is ended too; without, they run on for the next agent. */
  close(end: boolean): Promise<void>;
}

const superviseEveryMs = 200;
/** Whoever ends the whole agent does not wait for tasks; their attempts end as interrupted. */
const longestGoodbyeMs = 8000;

/** One sandbox's on-host side: state from disk, the runtime, and the loops that keep what runs as it should be. */
export function openHost(config: HostConfig, clock: Clock, log: Host["log"]): OpenHost {
  mkdirSync(config.dataDir, { recursive: true });
  const state = openHostState(join(config.dataDir, "generations.json"));
  const ledger = openEpochLedger(join(config.dataDir, "epoch.json"));
  const registry = makeRegistryClient({ url: config.registryUrl, repository: config.repository });
  const store = makeReleaseStore(join(config.dataDir, "releases"), registry);
  const runtime = makeProcessRuntime({ runDir: join(config.dataDir, "run"), clock, baseEnv: config.baseEnv });
  const supervisor = makeSupervisor(runtime, clock, (event, unit) => log(event, { unit }));
  const generations = makeGenerations({ config, state, store, supervisor, clock });
  const host: Host = { config, state, registry, store, generations, clock, log };
  const deployer = makeDeployer(host);
  const targetedWorkers = makeTargetedWorkers(host, supervisor);
  const reconciler = makeReconciler(host, () => deployer.running() !== undefined);
  const closing = new AbortController();
  const loops: Promise<void>[] = [];

  function every(ms: number, what: string, work: () => Promise<void> | void): void {
    loops.push(
      (async () => {
        while (!closing.signal.aborted) {
          try {
            await work();
          } catch (error) {
            log("loop_failed", { loop: what, error: error instanceof Error ? error.message : String(error) });
          }
          await clock.sleep(ms, closing.signal).catch(() => undefined);
        }
      })(),
    );
  }

  return {
    host,
    ledger,
    deployer,
    targetedWorkers,
    run() {
      forgetDeadWarmOnes(host, runtime);
      for (const record of generations.live()) generations.keep(record);
      targetedWorkers.keepAll();
      void stopStrays(host, runtime).catch((error: unknown) => log("strays_not_stopped", { error: String(error) }));
      deployer.resume();
      every(superviseEveryMs, "supervise", () => supervisor.tick());
      every(config.tickMs, "reconcile", () => reconciler.tick());
      every(config.tickMs, "targeted_workers", () => targetedWorkers.tick());
      const confirmMs = config.leaseMs / 150;
      const times = () => ({ wallMs: clock.now(), monoMs: Number(process.hrtime.bigint()) / 1e6 });
      every(confirmMs, "enforce_deadlines", () =>
        enforceOn(host, [config.ghDataDir, ...targetedWorkers.dataDirs()], times, confirmMs),
      );
    },
    async close(end) {
      closing.abort(new Error("closing"));
      supervisor.close();
      await deployer.stop();
      await Promise.all(loops);
      if (!end) return;
      const units = runtime.known();
      const graceMs = Math.min(config.stopGraceMs, longestGoodbyeMs);
      const release = (unit: string) => supervisor.release(unit, graceMs);
      await Promise.all(units.filter((unit) => !unit.endsWith("-api")).map(release));
      await Promise.all(units.filter((unit) => unit.endsWith("-api")).map(release));
      for (const dir of [config.ghDataDir, ...targetedWorkers.dataDirs()]) await sweepProfiles(dir, () => true);
    },
  };
}

/** After a reboot a warm generation has nothing left that would be faster than starting its release anew. */
function forgetDeadWarmOnes({ generations, state }: Host, runtime: HostRuntime): void {
  for (const record of generations.live()) {
    const isRunning = runtime.inspect(workerUnit(record.generation)) && runtime.inspect(apiUnit(record.generation));
    if (record.state !== "warm" || isRunning) continue;
    state.update(() => moveGeneration(record, "ended", "its processes were gone when the agent started"));
  }
}

/** Units of generations that no longer live: an agent was killed while it ended them. */
async function stopStrays({ generations, state }: Host, runtime: HostRuntime): Promise<void> {
  const wanted = new Set([
    ...generations.live().flatMap(({ generation }) => [apiUnit(generation), workerUnit(generation)]),
    ...state.value.targetedWorkers.map(targetedUnit),
  ]);
  const strays = runtime.known().filter((unit) => !wanted.has(unit));
  await Promise.all(strays.map((unit) => runtime.stop(unit, 5000)));
}
