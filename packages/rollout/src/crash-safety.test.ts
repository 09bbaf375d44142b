import { describe, expect, it } from "vitest";
import type { DeployStore } from "./store.ts";
import { digestOf, makeRunningWorld, type World } from "./testing/world.ts";

class Crash extends Error {}

/** A store that saves, and then the process is gone: nothing after the `nth` save of this life happens. */
function crashingAfter(store: DeployStore, nth: number): DeployStore {
  let saves = 0;
  return {
    load: (id) => store.load(id),
    listOpen: () => store.listOpen(),
    facts: (deploy) => store.facts(deploy),
    async save(next, expectedRevision, change) {
      const saved = await store.save(next, expectedRevision, change);
      saves += 1;
      if (saves === nth) throw new Crash(`killed after save ${nth}`);
      return saved;
    },
  };
}

interface Scenario {
  name: string;
  begin(world: World): void;
  /** Called on each tick with its number: what the world does meanwhile. */
  during?(world: World, tick: number): void;
  end: string;
}

const scenarios: Scenario[] = [
  {
    name: "start-first to completion",
    begin: (world) => world.addDeploy("second", "v2"),
    end: "completed",
  },
  {
    name: "stop-first to completion",
    begin: (world) => world.addDeploy("second", "v2", { order: "stop-first" }),
    end: "completed",
  },
  {
    name: "start-first, rolled back from its second host",
    begin(world) {
      world.host("b").trouble.set(digestOf("v2"), { phase: "verifying", message: "no browser" });
      world.addDeploy("second", "v2");
    },
    end: "rolled_back",
  },
  {
    name: "stop-first, rolled back",
    begin(world) {
      world.host("b").trouble.set(digestOf("v2"), { phase: "verifying", message: "no browser" });
      world.addDeploy("second", "v2", { order: "stop-first" });
    },
    end: "rolled_back",
  },
  {
    name: "aborted while the second host starts",
    begin(world) {
      world.registry.set("v2", { digest: digestOf("v2"), fetchMs: 3000, bootMs: 9000 });
      world.addDeploy("second", "v2");
    },
    during(world) {
      const { state, request } = world.deploy("second");
      const isStarting = world.host("b").generations.some((one) => one.state === "starting");
      if (isStarting && state === "in_progress" && request === null) {
        world.store.request("second", { kind: "abort", actor: "op", reason: "" });
      }
    },
    end: "aborted",
  },
];

async function run(
  scenario: Scenario,
  crashAfter: number | null,
): Promise<{ world: World; saves: number; crashes: number }> {
  const world = await makeRunningWorld(["a", "b"]);
  const before = world.store.saves;
  scenario.begin(world);
  let crashes = 0;
  if (crashAfter !== null) world.reconcile = world.restartEngine(crashingAfter(world.store, crashAfter));
  for (let tick = 0; tick < 200 && world.deploy("second").state !== scenario.end; tick += 1) {
    try {
      await world.tick();
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      crashes += 1;
      world.reconcile = world.restartEngine();
    }
    scenario.during?.(world, tick);
  }
  return { world, saves: world.store.saves - before, crashes };
}

/** Everything that must not depend on where the engine was killed. Epochs count upward and so are left out. */
function endState(world: World): unknown {
  return {
    state: world.deploy("second").state,
    reason: world.deploy("second").stateReason,
    steps: world.deploy("second").hosts.map((host) => [host.name, host.step, host.reportedDigest]),
    allowed: [...world.store.allowed].sort(),
    sandboxes: ["a", "b"].map((name) => ({
      state: world.sandbox(name).state,
      cordons: world.sandbox(name).cordons,
      slots: world.sandbox(name).slots.map((slot) => [slot.state, slot.generation]),
      target: world.sandbox(name).targetGeneration,
      generations: world.host(name).generations.map((one) => [one.generation, one.imageTag, one.state]),
      commands: world.host(name).admitted.map((one) => one.kind),
    })),
  };
}

describe("killed after every saved step", () => {
  for (const scenario of scenarios) {
    it(`F17: ${scenario.name}: the end state is the same, no command is performed twice`, async () => {
      const whole = await run(scenario, null);
      expect(whole.world.deploy("second").state).toBe(scenario.end);
      expect(whole.saves).toBeGreaterThan(5);
      for (let nth = 1; nth <= whole.saves; nth += 1) {
        const killed = await run(scenario, nth);
        expect(killed.crashes, `crash after save ${nth}`).toBe(1);
        expect(endState(killed.world), `crash after save ${nth}`).toEqual(endState(whole.world));
      }
    });
  }
});
