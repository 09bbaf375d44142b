import { err, ok, type Clock, type Result } from "@valet/shared";
import { makeWayChoice } from "../drivers/agent-way.ts";
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

/** At its port, which a firewall may close for good, or over the connection that the agent holds. */
type Way = "direct" | "dialled";

function stands({ link, way }: SimHost, by: Way): { to: boolean; from: boolean } {
  if (by === "dialled") return { to: link.isDialled && way !== "direct", from: link.isDialled && way !== "direct" };
  return { to: link.toHost && way !== "dial-out", from: link.fromHost && way !== "dial-out" };
}

function isOpen(host: SimHost, by: Way): boolean {
  const { to, from } = stands(host, by);
  return to && from;
}

/** Whether anybody at the control plane could see this host now. */
export function canBeSeen(host: SimHost): boolean {
  const isReached = isOpen(host, "direct") || isOpen(host, "dialled");
  return isListening(host) && isReached && host.link.extraDelayMs * 2 < callTimeoutMs;
}

/**
 * How a simulated controller speaks to hosts: each message takes its time, may be lost on either way, come late, twice or in
 * another order. `isAlive`: nobody waits for answers of a controller that died.
 */
export function makeSimDriver(
  world: World,
  isAlive: () => boolean,
  { hosts, clock }: { hosts: ReadonlyMap<string, SimHost>; clock: Pick<Clock, "now"> },
): HostDriver {
  const choose = makeWayChoice(clock);
  const hostOf = (sandboxId: string): SimHost => {
    const host = hosts.get(sandboxId);
    if (!host) throw new Error(`there is no simulated host ${sandboxId}`);
    return host;
  };

  /** One question and its answer; null: no answer in time. */
  function exchange<T>(host: SimHost, by: Way, arrive: () => T): Promise<T | null> {
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
        if (!stands(host, by).to || !isListening(host)) return by === "dialled" ? done(null) : giveUp();
        const answer = arrive();
        const backMs = linkDelayMs(world, host);
        if (!stands(host, by).from || world.nowMs + backMs - sentMs > callTimeoutMs) return giveUp();
        world.after(backMs, () => (stands(host, by).from ? done(answer) : giveUp()));
      });
    });
  }

  /** As the real driver chooses its way; null: no answer by any. */
  async function ask<T>(host: SimHost, arrive: () => T): Promise<T | null> {
    if (host.way === "direct") return exchange(host, "direct", arrive);
    const startedMs = world.nowMs;
    const by = (way: Way) => async (): Promise<Result<{ answer: T }, DriverError>> => {
      const answer = await exchange(host, way, arrive);
      return answer === null ? err(silence("no answer in time")) : ok({ answer });
    };
    const chosen = await choose(host.name, by("direct"), by("dialled"));
    if (chosen.ok) return chosen.value.answer;
    const wasSteady = host.changedAtMs < startedMs && isListening(host) && isQuick(host);
    if (wasSteady && canBeSeen(host)) {
      world.laws.broken(
        world,
        "anyWayCounts",
        `${host.name} is called unreachable although its agent could be reached`,
      );
    }
    return null;
  }

  async function observe(sandboxId: string): Promise<Result<AgentHealth, DriverError>> {
    const host = hostOf(sandboxId);
    const isAtOnce = host.way === "direct" && canBeSeen(host) && isQuick(host);
    if (isAtOnce && !world.random.chance(world.script.slowObservations)) return ok(healthOf(host, world.nowMs));
    const health = await ask(host, () => healthOf(host, world.nowMs));
    return health ? ok(health) : err(silence("no answer in time"));
  }

  async function send(to: CommandTo, order: AgentOrder): Promise<CommandAnswer> {
    const host = hostOf(to.sandboxId);
    if (host.link.duplicates) {
      world.after(linkDelayMs(world, host) + 700, () => {
        const isThere = stands(host, "direct").to || stands(host, "dialled").to;
        if (isThere && isListening(host)) takeOrder(world, host, to, order);
      });
    }
    const answer = await ask(host, () => takeOrder(world, host, to, order));
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
