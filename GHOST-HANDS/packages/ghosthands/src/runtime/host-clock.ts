import { readFileSync } from "node:fs";

/** Both clocks a lease is measured by. `monoMs` is one clock for all processes of this host (CLOCK_MONOTONIC), in ms. */
export interface HostClock {
  wallMs(): number;
  monoMs(): number;
}

const ownMonoMs = () => Number(process.hrtime.bigint()) / 1e6;

/** bun counts from the start of the process: there the host's uptime is the origin, rounded up so that it never lags. */
function originMs(): number {
  if (!("bun" in process.versions)) return 0;
  const uptimeSeconds = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  return uptimeSeconds * 1000 + 10 - ownMonoMs();
}

export function makeHostClock(): HostClock {
  const origin = originMs();
  return { wallMs: () => Date.now(), monoMs: () => origin + ownMonoMs() };
}
