import { type AgentAddress, type HostDriver, makeAgentDriver } from "@valet/rollout";
import type { Clock } from "@valet/shared";
import { type DirectHost, agentUrlOf } from "./direct-host.ts";
import type { OperatorKeys } from "./keys-file.ts";

export interface DirectDriver extends HostDriver {
  /** Since when a host has not answered; null while it does. */
  silentSince(key: string): number | null;
}

/** The agent driver with an operator's keys. Its deploys say that they came past the API: the host shows them as a pin. */
export function makeDirectDriver(
  hosts: readonly (DirectHost & { key: string })[],
  keys: OperatorKeys,
  clock: Clock,
): DirectDriver {
  const silent = new Map<string, number>();
  const addressOf = async (key: string): Promise<AgentAddress | null> => {
    const host = hosts.find((one) => one.key === key);
    const agentKey = host && keys.agentKeyOf(host);
    return host && agentKey ? { url: agentUrlOf(host), key: agentKey } : null;
  };
  const driver = makeAgentDriver({ clock, addressOf });
  return {
    ...driver,
    silentSince: (key) => silent.get(key) ?? null,
    async observe(key, signal) {
      const seen = await driver.observe(key, signal);
      if (seen.ok) silent.delete(key);
      else if (!silent.has(key)) silent.set(key, clock.now());
      return seen;
    },
    deploy: (order, command, signal) => driver.deploy(order, { ...command, direct: true }, signal),
  };
}
