import { type Database, channels, openDatabase, outboxChannel } from "@valet/db";
import { makeAgentDriver } from "@valet/rollout";
import { type Clock, leaseTimes, systemClock } from "@valet/shared";
import { makeBackoff } from "../backoff.ts";
import { type Bell, ignoreAbort, makeBell } from "../bell.ts";
import type { ControlConfig } from "../config.ts";
import { type Log, messageOf } from "../log.ts";
import { makeAgentAddresses } from "./agent-addresses.ts";
import { makeAgentRelay } from "./agent-relay.ts";
import { assignLoop } from "./assign.ts";
import { makeDeployStore } from "./deploy-store.ts";
import { expireLeasesLoop } from "./expire-leases.ts";
import { expireQueueLoop } from "./expire-queue.ts";
import { expireUnacknowledgedLoop } from "./expire-unacknowledged.ts";
import { handOverLoop } from "./hand-over.ts";
import { heartbeatLoop } from "./heartbeat.ts";
import { type ControlLoop, runLoop } from "./loop.ts";
import { outboxLoop, runOutbox } from "./outbox.ts";
import { reconcileDeploysLoop } from "./reconcile-deploys.ts";
import { watchHealthLoop } from "./watch-health.ts";

export interface ControlWorkerDeps {
  config: ControlConfig;
  log: Log;
  signal: AbortSignal;
  /** Name of this replica. */
  id: string;
}

const stopMs = 8_000;

/** Every loop of the control plane that decides: one a file. Resolves when the signal aborts and the loops have ended. */
export async function runControlWorker({ config, log, signal, id }: ControlWorkerDeps): Promise<void> {
  const clock = systemClock;
  const times = leaseTimes(config.VALET_LEASE_MS);
  const directUrl = config.DATABASE_DIRECT_URL ?? config.DATABASE_URL;
  const db = openDatabase({
    url: config.DATABASE_URL.reveal(),
    directUrl: directUrl.reveal(),
    max: 10,
    applicationName: `valet-control ${id}`,
    onError: (error) => log.warn({ event: "database_connection_lost", reason: messageOf(error) }),
  });
  const assignBell = makeBell(clock);
  const outboxBell = makeBell(clock);
  const deployBell = makeBell(clock);
  const handOverBell = makeBell(clock);
  /** Which loop looks at once when a channel speaks. A deploy waits for slots and sandboxes too. */
  const bells: Record<string, Bell> = {
    [channels.assign]: assignBell,
    [outboxChannel]: outboxBell,
    [channels.deploy]: deployBell,
    [channels.sandbox]: deployBell,
  };
  const relay = makeAgentRelay(db, clock);
  const driver = makeAgentDriver({
    addressOf: makeAgentAddresses(db, config.VALET_SEAL_KEY, clock),
    relay: relay.transportOf,
    clock,
  });
  const knobs = config.VALET_ROLLOUT_DEFAULTS;
  const ringAll = () => {
    for (const bell of Object.values(bells)) bell.ring();
    relay.heard("");
  };
  const loops: ControlLoop[] = [
    heartbeatLoop({ db, times, id }),
    assignLoop({ db, times, log, bell: assignBell }),
    expireUnacknowledgedLoop({ db, times, log }),
    expireLeasesLoop({ db, times, log }),
    expireQueueLoop({ db, log }),
    handOverLoop({ db, log, bell: handOverBell }),
    reconcileDeploysLoop({
      ...{ store: makeDeployStore(db, times), driver, clock, log, bell: deployBell },
      onSaved: () => handOverBell.ring(),
    }),
    watchHealthLoop({ db, driver, clock, times, log, knobs }),
    outboxLoop({ db, bell: outboxBell }),
  ];
  const allowedPrivateHosts = new Set(
    config.VALET_ALLOWED_PRIVATE_HOSTS.split(",")
      .map((host) => host.trim())
      .filter(Boolean),
  );
  const running = [
    listenUntilUp(
      { db, clock, log, signal },
      [...Object.keys(bells), channels.relayAnswer],
      (channel, payload) => {
        if (channel === channels.relayAnswer) relay.heard(payload);
        else bells[channel]?.ring();
      },
      ringAll,
    ),
    runOutbox({ db, directUrl, sealKey: config.VALET_SEAL_KEY, allowedPrivateHosts, clock, log, signal }),
    ...loops.map((loop) => runLoop({ clock, log, signal, random: Math.random }, loop)),
  ];
  log.info({ event: "control_worker_running", id, leaseMs: times.leaseMs });
  await Promise.all(running);
  // Connections that hang must not hold up the end.
  await Promise.race([db.close(), clock.sleep(stopMs)]);
}

/** The first LISTEN needs a database that is up; after that the connection repairs itself, and everything is looked at once. */
async function listenUntilUp(
  deps: { db: Database; clock: Clock; log: Log; signal: AbortSignal },
  channels: string[],
  onNotify: (channel: string, payload: string) => void,
  onReconnect: () => void,
): Promise<void> {
  const backoff = makeBackoff(100, 5_000);
  while (!deps.signal.aborted) {
    try {
      await deps.db.listen(channels, onNotify, onReconnect);
      return onReconnect();
    } catch (error) {
      if (backoff.failures === 0) deps.log.error({ event: "listen_failed", reason: messageOf(error) });
      await deps.clock.sleep(backoff.next(), deps.signal).catch(ignoreAbort);
    }
  }
}
