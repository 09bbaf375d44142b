import { err, ok, type Result } from "@valet/shared";
import type { CommandAnswer, CommandTo, DriverError, HostDriver } from "../driver.ts";
import type { AgentHealth } from "@valet/contracts";
import { healthOf, takeOrder, type AgentOrder } from "./agent.ts";
import { isQuick, linkDelayMs } from "./link.ts";
import type { SimHost } from "./sim-host.ts";
import type { World } from "./world.ts";

/** Like the real driver's: what is not answered by then is not known. */
export const callTimeoutMs = 3_000;
const silence = (message: string): DriverError => ({ kind: "unreachable", message });

const isListening = (host: SimHost): boolean => host.isUp && host.isAgentUp;

/** Whether anybody at the control plane could see this host now. */
export function canBeSeen(host: SimHost): boolean {
  return isListening(host) && host.link.toHost && host.link.fromHost && host.link.extraDelayMs * 2 < callTimeoutMs;
}

/**
 * How a simulated controller speaks to hosts: each message takes its time, may be lost on either way, come late, twice or in
 * another order. `isAlive`: nobody waits for answers of a controller that died.
 */
export function makeSimDriver(world: World, isAlive: () => boolean): HostDriver {
  const hostOf = (sandboxId: string): SimHost => {
    const host = world.hosts.get(sandboxId);
    if (!host) throw new Error(`there is no simulated host ${sandboxId}`);
    return host;
  };

  /** One question and its answer; null: no answer in time. */
  function exchange<T>(host: SimHost, arrive: () => T): Promise<T | null> {
    return new Promise((resolve) => {
      const sentMs = world.nowMs;
      let isDone = false;
      const done = (value: T | null): void => {
        if (isDone || !isAlive()) return;
        isDone = true;
        world.hasPromises = true;
        resolve(value);
      };
      const giveUp = () => world.after(Math.max(0, sentMs + callTimeoutMs - world.nowMs), () => done(null));
      world.after(linkDelayMs(world, host), () => {
        if (!host.link.toHost || !isListening(host)) return giveUp();
        const answer = arrive();
        const backMs = linkDelayMs(world, host);
        if (!host.link.fromHost || world.nowMs + backMs - sentMs > callTimeoutMs) return giveUp();
        world.after(backMs, () => (host.link.fromHost ? done(answer) : giveUp()));
      });
    });
  }

  async function observe(sandboxId: string): Promise<Result<AgentHealth, DriverError>> {
    const host = hostOf(sandboxId);
    if (canBeSeen(host) && isQuick(host) && !world.random.chance(world.script.slowObservations))
      return ok(healthOf(host));
    const health = await exchange(host, () => healthOf(host));
    return health ? ok(health) : err(silence("no answer in time"));
  }

  async function send(to: CommandTo, order: AgentOrder): Promise<CommandAnswer> {
    const host = hostOf(to.sandboxId);
    if (host.link.duplicates) {
      world.after(linkDelayMs(world, host) + 700, () => {
        if (host.link.toHost && isListening(host)) takeOrder(world, host, to, order);
      });
    }
    const answer = await exchange(host, () => takeOrder(world, host, to, order));
    if (answer === null) return err(silence("no answer in time"));
    return answer.ok ? ok({ message: answer.value }) : answer;
  }

  return {
    observe,
    deploy: (to, command) => send(to, { kind: "deploy", command }),
    settle: (to, won) => send(to, { kind: "settle", ...pick(won) }),
    rollback: (to, { digest }) => send(to, { kind: "rollback", digest }),
    drain: (to) => send(to, { kind: "drain" }),
    undrain: (to) => send(to, { kind: "undrain" }),
    fence: (to) => send(to, { kind: "fence" }),
    endGeneration: (to, { generation, force }) => send(to, { kind: "end_generation", generation, force }),
  };
}

function pick(won: { generation: number; rollbackWindowMs: number }) {
  return { generation: won.generation, rollbackWindowMs: won.rollbackWindowMs };
}
