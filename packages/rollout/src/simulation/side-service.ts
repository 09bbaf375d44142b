import { freshDeploy } from "../testing/world.ts";
import type { SandboxLedger } from "../memory-store.ts";
import type { Write } from "../effect.ts";
import { defaultKnobs } from "@valet/shared";
import { becomeSound, createGeneration, tickGenerations } from "./generations.ts";
import { runProcedure } from "./procedures.ts";
import { isAlive, isRunning, makeSimHost, type SimHost } from "./sim-host.ts";
import type { MemoryTaskSandbox } from "./tasks/model.ts";
import { digestOf, isoAt, wallMs, type World } from "./world.ts";

/** The second service of the same hosts. It holds no slots, and its restart interrupts no task. */
export const sideService = "valet-worker";
const firstSideTag = "w1";

/** Which generation of the second service each sandbox's work goes to, and which of its releases are allowed. */
interface SideRows {
  targets: Map<string, number>;
  allowed: Set<string>;
}

/** The database's rows as each service sees them: cordons, states and epochs of a sandbox are shared, generations are not. */
export function shareBetweenServices(ledger: SandboxLedger): SandboxLedger {
  const rows: SideRows = { targets: new Map(), allowed: new Set([digestOf(firstSideTag)]) };
  const isSide = (service: string | undefined): boolean => service === sideService;
  return {
    sandboxFacts(service) {
      const facts = ledger.sandboxFacts();
      if (!isSide(service)) return facts;
      return facts.map((one) => ({
        ...one,
        ...{ slots: [], openAttempts: [], targetSlots: null, targetGeneration: rows.targets.get(one.sandboxId) ?? 1 },
      }));
    },
    allowedDigests: (environment, service) =>
      isSide(service) ? [...rows.allowed] : ledger.allowedDigests(environment),
    allows: (write) => ledger.allows(write),
    apply(write, environment, service) {
      if (!isSide(service) || !applyToSide(rows, write)) ledger.apply(write, environment);
    },
  };
}

/** False: a row that both services share. */
function applyToSide({ targets, allowed }: SideRows, write: Write): boolean {
  if (write.kind === "set_target") targets.set(write.sandboxId, write.generation);
  else if (write.kind === "allow_release") allowed.add(write.digest);
  else if (write.kind === "disallow_release") allowed.delete(write.digest);
  else return false;
  return true;
}

/** What a sandbox is to the laws of the second service: it has no slots and runs no tasks. */
export function sideSandboxes(world: World): ReadonlyMap<string, MemoryTaskSandbox> {
  return new Map([...world.tasks.sandboxes].map(([id, one]) => [id, { ...one, slots: [], open: new Set() }]));
}

/** A fleet on which the first release of the second service has completed; nothing, where the story deploys no other. */
export function furnishSide(world: World): void {
  const { script } = world;
  const isUsed = script.happenings.some((one) => one.kind === "new-deploy" && one.service === sideService);
  if (!isUsed) return;
  for (const tag of [firstSideTag, "w2", "w3"]) {
    const made = { tag, digest: digestOf(tag), fetchMs: 800, bootMs: 700 };
    const release = { ...made, behaviour: tag === "w3" ? ("never-healthy" as const) : ("good" as const) };
    world.registry.set(tag, release);
    world.releases.set(release.digest, release);
  }
  const digest = digestOf(firstSideTag);
  for (const host of world.hosts.values()) {
    const side = sideOf(host);
    world.sides.set(host.name, side);
    const one = createGeneration(world, side, firstSideTag, digest);
    becomeSound(world, side, one);
    one.state = "serving";
  }
  const ended = { startedAt: wallMs(world) - 2, endedAt: wallMs(world) - 1, engine: { kind: "ended" as const } };
  world.store.add(
    freshDeploy("w0", firstSideTag, script.environment, defaultKnobs(), {
      ...{ ...ended, service: sideService, state: "completed" as const, imageDigest: digest },
      stateReason: `since ${isoAt(wallMs(world))}`,
    }),
  );
}

/** Its own generations and procedure; machine, agent, link and ledger are the host's. */
function sideOf(host: SimHost): SimHost {
  const side = makeSimHost(host.name, 0);
  const shared = [
    ...(["isUp", "isAgentUp", "link", "wallOffsetMs", "pullsFailUntilMs", "liesUntilMs"] as const),
    ...(["ledger", "lastObeyed", "boots", "life", "way", "changedAtMs"] as const),
  ];
  for (const key of shared) {
    Object.defineProperty(side, key, {
      get: () => host[key],
      set: (value: never) => void Object.assign(host, { [key]: value }),
    });
  }
  return side;
}

export function tickSide(world: World, host: SimHost): void {
  const side = world.sides.get(host.name);
  if (side) tickGenerations(world, side);
}

/** The machine or its agent went away: whatever the procedure was at is called off for now. */
export function stopSide(world: World, host: SimHost): void {
  const side = world.sides.get(host.name);
  if (side) side.procedureToken += 1;
}

/** The machine or its agent is back, perhaps with an empty disk. */
export function resumeSide(world: World, host: SimHost, isDiskLost = false): void {
  const side = world.sides.get(host.name);
  if (!side) return;
  if (isDiskLost) Object.assign(side, { generations: [], procedure: null, afterProcedure: null, nextGeneration: 1 });
  for (const one of side.generations.filter(isAlive)) one.healthy = one.state !== "starting" || one.healthy;
  if (isRunning(side.procedure)) runProcedure(world, side);
}
