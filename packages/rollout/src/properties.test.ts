import fc from "fast-check";
import {
  canMove,
  deployTransitions,
  hostStepTransitions,
  hostsOf,
  isTerminal,
  type HostOrder,
  type RolloutKnobs,
} from "@valet/shared";
import { describe, expect, it } from "vitest";
import { isMoving } from "./decide/hosts.ts";
import { driftOf } from "./drift.ts";
import type { DeployDocument } from "./model.ts";
import { digestOf, makeRunningWorld, type World } from "./testing/world.ts";

const names = ["a", "b", "c", "d"];
const nameArb = fc.constantFrom(...names);

const eventArb = fc.oneof(
  fc.record({ kind: fc.constant("cutOff" as const), name: nameArb }),
  fc.record({ kind: fc.constant("comeBack" as const), name: nameArb }),
  fc.record({ kind: fc.constant("restartAgent" as const), name: nameArb }),
  fc.record({ kind: fc.constant("restartEngine" as const) }),
  fc.record({ kind: fc.constant("loseCommands" as const), name: nameArb }),
  fc.record({ kind: fc.constant("startTask" as const), name: nameArb }),
  fc.record({ kind: fc.constant("endTasks" as const), name: nameArb }),
  fc.record({
    kind: fc.constant("ask" as const),
    verb: fc.constantFrom("pause", "resume", "abort", "rollback", "retry", "promote"),
  }),
  fc.record({ kind: fc.constant("newer" as const) }),
);
type WorldEvent = typeof eventArb extends fc.Arbitrary<infer E> ? E : never;

const runArb = fc.record({
  environment: fc.constantFrom("staging", "production"),
  strategy: fc.constantFrom("rolling" as const, "canary" as const, "blue-green" as const),
  order: fc.constantFrom("start-first" as const, "stop-first" as const),
  maxParallel: fc.integer({ min: 1, max: 4 }),
  maxUnavailable: fc.integer({ min: 1, max: 3 }),
  failureAction: fc.constantFrom("pause" as const, "continue" as const, "rollback" as const),
  drainDeadlineAction: fc.constantFrom("wait" as const, "requeue" as const, "force" as const, "pause" as const),
  badHosts: fc.subarray(names, { maxLength: 2 }),
  events: fc.array(fc.tuple(fc.integer({ min: 1, max: 8 }), eventArb), { maxLength: 14 }),
});

/** The laws of one step of the world, from the documents before and after it. */
function checkLaws(world: World, before: Map<string, DeployDocument>, cutOff: ReadonlySet<string>): void {
  const active = [...world.store.deploys.values()].filter((one) => isActive(one));
  expect(active.length, "one active deploy").toBeLessThanOrEqual(1);
  for (const deploy of world.store.deploys.values()) {
    const was = before.get(deploy.id);
    if (!was) continue;
    if (was.state !== deploy.state) {
      expect(canMove(deployTransitions, was.state, deploy.state), `${was.state} -> ${deploy.state}`).toBe(true);
    }
    if (was.hosts.length > 0) expect(deploy.hosts.map((host) => host.name)).toEqual(was.hosts.map((host) => host.name));
    // Slots are handed over on all hosts at once after a switch, and where a canary step widens.
    const isAtOnce = deploy.knobs.strategy !== "rolling";
    const moving = deploy.hosts.filter((host) => isMoving(host) && !(isAtOnce && host.step === "handing_over"));
    expect(moving.length, "maxParallel").toBeLessThanOrEqual(hostsOf(deploy.knobs.maxParallel, deploy.hosts.length));
    if (isActive(deploy) && deploy.revision === was.revision) {
      const hosts = deploy.hosts.map((host) => `${host.name} ${host.step}: ${host.reason}`).join("; ");
      expect(deploy.waitingOn, `stuck is data: ${deploy.state} (${hosts})`).not.toEqual([]);
    }
    for (const host of deploy.hosts) {
      const old = was.hosts.find((one) => one.name === host.name);
      if (!old || old.step === host.step) continue;
      const arrived = host.step === "updated" || host.step === "rolled_back" || host.step === "replacing";
      if (arrived && !wasAborted(deploy)) expect(cutOff.has(host.name), `${host.name} ${host.step} unseen`).toBe(false);
      if (host.step === "updated") expect(host.reportedDigest, "attested").toBe(deploy.imageDigest);
    }
  }
  const held = names.filter((name) => world.sandbox(name).cordons.some((cordon) => cordon.holderKind === "deploy"));
  const knobs = active[0]?.knobs;
  if (knobs && active[0]?.state === "in_progress")
    expect(held.length).toBeLessThanOrEqual(hostsOf(knobs.maxUnavailable, names.length));
}

const isActive = (one: DeployDocument) =>
  ["in_progress", "paused", "baking", "aborting", "rolling_back", "rollback_paused"].includes(one.state);
const wasAborted = (one: DeployDocument) => one.state === "aborting" || one.state === "aborted";

function happen(world: World, event: WorldEvent, cutOff: Set<string>, count: { tasks: number; deploys: number }): void {
  switch (event.kind) {
    case "cutOff":
      if (!cutOff.has(event.name)) world.cutOff(event.name, true);
      cutOff.add(event.name);
      return;
    case "comeBack":
      world.comeBack(event.name);
      world.host(event.name).losesCommands = false;
      cutOff.delete(event.name);
      return;
    case "restartAgent":
      world.host(event.name).restart();
      return;
    case "restartEngine":
      world.reconcile = world.restartEngine();
      return;
    case "loseCommands":
      world.host(event.name).losesCommands = true;
      return;
    case "startTask": {
      const slot = world.sandbox(event.name).slots.find((one) => one.state === "accepting" && one.generation !== null);
      const isCordoned = world.sandbox(event.name).cordons.length > 0;
      if (!slot || isCordoned || cutOff.has(event.name)) return;
      count.tasks += 1;
      world.startTask(event.name, slot.index, `t${count.tasks}`, count.tasks % 2 === 0);
      return;
    }
    case "endTasks":
      for (const attempt of [...world.sandbox(event.name).openAttempts]) world.endTask(attempt.taskId);
      return;
    case "ask": {
      const newest = [...world.store.deploys.keys()].at(-1) ?? "first";
      if (world.deploy(newest).request === null) {
        world.store.request(newest, { kind: event.verb as "pause", actor: "op", reason: "" });
      }
      return;
    }
    case "newer":
      count.deploys += 1;
      if (count.deploys < 3) world.addDeploy(`newer-${count.deploys}`, "v3");
  }
}

describe("whatever happens", () => {
  it("keeps the laws at every step, and ends once the world is calm again", async () => {
    await fc.assert(
      fc.asyncProperty(runArb, async ({ environment, badHosts, events, ...knobs }) => {
        const world = await makeRunningWorld(names, { environment });
        for (const name of badHosts) {
          world.host(name).trouble.set(digestOf("v2"), { phase: "verifying", message: "no browser" });
        }
        world.addDeploy("second", "v2", {
          ...knobs,
          ...stepsFor(knobs.order),
          drainTimeoutMs: 4000,
          minHealthyMs: 1000,
        });
        const cutOff = new Set<string>();
        const count = { tasks: 0, deploys: 0 };
        const step = async () => {
          const before = structuredClone(world.store.deploys);
          await world.tick();
          checkLaws(world, before, cutOff);
        };
        for (const [ticks, event] of events) {
          for (let n = 0; n < ticks; n += 1) await step();
          happen(world, event, cutOff, count);
        }
        const wasRollback = new Set([...world.store.deploys.values()].filter(isBack).map((one) => one.id));
        for (const name of names) {
          world.comeBack(name);
          world.host(name).losesCommands = false;
          world.host(name).trouble.clear();
        }
        cutOff.clear();
        for (let n = 0; n < 300 && [...world.store.deploys.values()].some((one) => !isOver(one)); n += 1) {
          for (const name of names) {
            for (const attempt of [...world.sandbox(name).openAttempts]) world.endTask(attempt.taskId);
          }
          for (const one of world.store.deploys.values()) {
            const isWaiting = one.state === "paused" || one.state === "rollback_paused";
            if (isWaiting && one.request === null)
              world.store.request(one.id, { kind: "resume", actor: "op", reason: "" });
          }
          await step();
        }
        for (const one of world.store.deploys.values()) {
          expect(isOver(one), `${one.id} is ${one.state}, waits on ${one.waitingOn.join("; ")}`).toBe(true);
          if (wasRollback.has(one.id)) expect(["rolled_back", "aborted"]).toContain(one.state);
        }
        for (const name of names) {
          // What health checks do for a host that was away when its deploy ended.
          const drift = driftOf(world.host(name).health(), world.sandbox(name).targetGeneration, [
            ...world.store.allowed,
          ]);
          if (drift.kind === "retarget") world.sandbox(name).targetGeneration = drift.generation;
          if (drift.kind === "converge") await converge(world, name);
          expect(world.sandbox(name).cordons, `${name} is left cordoned`).toEqual([]);
          expect(world.sandbox(name).state).toBe("active");
          const target = world.sandbox(name).targetGeneration;
          expect(world.host(name).generations.find((one) => one.generation === target)?.state).toBe("serving");
        }
      }),
      { numRuns: 100, seed: 20_261_123 },
    );
  }, 120_000);

  it("every step and state has a way to an end", () => {
    for (const state of Object.keys(deployTransitions) as (keyof typeof deployTransitions)[]) {
      if (!isTerminal(deployTransitions, state)) expect(deployTransitions[state].length).toBeGreaterThan(0);
    }
    expect(hostStepTransitions.rolled_back).toEqual([]);
    expect(deployTransitions.rolling_back).toEqual(["rolled_back", "rollback_paused"]);
  });
});

async function converge(world: World, name: string): Promise<void> {
  const id = `converge-${name}`;
  for (const attempt of [...world.sandbox(name).openAttempts]) world.endTask(attempt.taskId);
  const allowed = [...world.registry].find(([, release]) => world.store.allowed.has(release.digest));
  world.addDeploy(id, allowed?.[0] ?? "v1", {}, { sandboxIds: [name], imageDigest: allowed?.[1].digest ?? null });
  await world.until(() => world.deploy(id).state === "completed", 60);
}

const isBack = (one: DeployDocument) => one.state === "rolling_back" || one.state === "rollback_paused";
const isOver = (one: DeployDocument) =>
  ["completed", "failed", "aborted", "superseded", "rolled_back"].includes(one.state) && one.request === null;

/** A share of tasks first where both releases can run on a host. */
function stepsFor(order: HostOrder): Pick<RolloutKnobs, "canarySteps" | "analyse"> {
  const first = { hosts: 1, taskSharePct: order === "start-first" ? 50 : 100, bakeMs: 3000 };
  return { canarySteps: [first, { hosts: "50%", taskSharePct: 100, bakeMs: 2000 }], analyse: false };
}
