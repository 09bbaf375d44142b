import { describe, expect, it } from "vitest";
import { freshHostEngine, type DeployDocument, type HostStep } from "../model.ts";
import type { DeployStore } from "../store.ts";
import { digestOf } from "./world.ts";

/** A store with one environment, two sandboxes and queued deploys of it, for the suite. */
export interface StoreUnderTest {
  store: DeployStore;
  sandboxIds: [string, string];
  /** Adds a queued deploy of `tag`, newest last, and returns its id. */
  addQueued(tag: string): Promise<string>;
  /** Leaves an abort, as the API does. */
  askAbort(deployId: string): Promise<void>;
  close(): Promise<void>;
}

/** What every store promises the engine: memory, Postgres. */
export function describeStore(name: string, open: () => Promise<StoreUnderTest>): void {
  const withStore = async (work: (under: StoreUnderTest) => Promise<void>) => {
    const under = await open();
    try {
      await work(under);
    } finally {
      await under.close();
    }
  };
  const loaded = async (under: StoreUnderTest, id: string): Promise<DeployDocument> => {
    const deploy = await under.store.load(id);
    if (!deploy) throw new Error(`no deploy ${id}`);
    return deploy;
  };
  const none = { decisions: [], writes: [] };

  describe(`store: ${name}`, () => {
    it("gives back the document as it was saved, one revision further", () =>
      withStore(async (under) => {
        const id = await under.addQueued("v2");
        const before = await loaded(under, id);
        const next = started(before, under.sandboxIds[0]);
        expect(await under.store.save(next, before.revision, none)).toBe("saved");
        expect(await loaded(under, id)).toEqual(next);
        expect(await under.store.load("00000000-0000-4000-8000-000000000000")).toBeNull();
      }));

    it("F16: refuses a save from an older revision, and then writes nothing at all", () =>
      withStore(async (under) => {
        const id = await under.addQueued("v2");
        const before = await loaded(under, id);
        await under.askAbort(id);
        const [sandboxId] = under.sandboxIds;
        const writes = [{ kind: "set_target" as const, sandboxId, generation: 9, slots: null }];
        const next = started(before, sandboxId);
        expect(await under.store.save(next, before.revision, { decisions: [], writes })).toBe("lost_race");
        const after = await loaded(under, id);
        expect(after.state).toBe("queued");
        expect(after.request?.kind).toBe("abort");
        expect((await under.store.facts(after)).sandboxes[0]?.targetGeneration).toBeNull();
      }));

    it("F18: of two savers at once one wins", () =>
      withStore(async (under) => {
        const id = await under.addQueued("v2");
        const before = await loaded(under, id);
        const next = started(before, under.sandboxIds[0]);
        const answers = await Promise.all([1, 2, 3].map(() => under.store.save(next, before.revision, none)));
        expect(answers.sort()).toEqual(["lost_race", "lost_race", "saved"]);
      }));

    it("F18: keeps one active deploy an environment and service", () =>
      withStore(async (under) => {
        const [first, second] = [await under.addQueued("v2"), await under.addQueued("v3")];
        const one = await loaded(under, first);
        const two = await loaded(under, second);
        expect(await under.store.save(started(one, under.sandboxIds[0]), one.revision, none)).toBe("saved");
        expect(await under.store.save(started(two, under.sandboxIds[1]), two.revision, none)).toBe("lost_race");
        expect((await under.store.facts(two)).environment.activeDeployId).toBe(first);
        expect((await under.store.facts(two)).environment.olderQueuedId).toBeNull();
        expect((await under.store.facts(one)).environment.newerQueuedId).toBe(second);
      }));

    it("gives each epoch out once", () =>
      withStore(async (under) => {
        const [first, second] = [await under.addQueued("v2"), await under.addQueued("v3")];
        const [sandboxId] = under.sandboxIds;
        const claim = { decisions: [], writes: [{ kind: "claim_epoch" as const, sandboxId, epoch: 7 }] };
        const one = await loaded(under, first);
        const two = await loaded(under, second);
        expect(await under.store.save(started(one, sandboxId), one.revision, claim)).toBe("saved");
        const waiting = { ...two, waitingOn: ["deploy first"], revision: two.revision + 1 };
        expect(await under.store.save(waiting, two.revision, claim)).toBe("lost_race");
        expect((await under.store.facts(one)).sandboxes.find((sandbox) => sandbox.sandboxId === sandboxId)?.epoch).toBe(
          7,
        );
      }));

    it("F18: takes no host out of service on a count that another deploy has changed since", () =>
      withStore(async (under) => {
        const [first, second] = [await under.addQueued("v2"), await under.addQueued("v3")];
        const [a, b] = under.sandboxIds;
        const [one, two] = [await loaded(under, first), await loaded(under, second)];
        const { environment } = await under.store.facts(one);
        const take = (deploy: DeployDocument, sandboxId: string) => ({
          decisions: [],
          writes: [
            {
              kind: "cordon" as const,
              sandboxId,
              holderKind: "deploy" as const,
              holderId: deploy.id,
              reason: "deploy",
            },
          ],
          seen: { deploy, observations: { environment, sandboxes: [] }, now: 1_700_000_000_000 },
        });
        expect(await under.store.save(started(one, a), one.revision, take(one, a))).toBe("saved");
        const waiting = { ...two, waitingOn: ["its turn"], revision: two.revision + 1 };
        expect(await under.store.save(waiting, two.revision, take(two, b))).toBe("lost_race");
        expect((await under.store.facts(two)).environment.deployCordoned).toEqual([a]);
      }));

    it("shows each kind of write in the next facts", () =>
      withStore(async (under) => {
        const id = await under.addQueued("v2");
        const before = await loaded(under, id);
        const [sandboxId] = under.sandboxIds;
        const holder = { holderKind: "deploy" as const, holderId: id };
        const digest = digestOf("v2");
        const next = started(before, sandboxId);
        const saved = await under.store.save(next, before.revision, {
          decisions: [{ summary: "began", data: { n: 1 } }],
          writes: [
            { kind: "move_sandbox", sandboxId, from: "active", to: "deploying", reason: "deploy" },
            { kind: "cordon", sandboxId, ...holder, reason: "deploy" },
            { kind: "set_target", sandboxId, generation: 3, slots: null },
            { kind: "allow_release", digest, reason: "candidate" },
          ],
        });
        expect(saved).toBe("saved");
        const facts = await under.store.facts(next);
        expect(facts.sandboxes.find((one) => one.sandboxId === sandboxId)).toMatchObject({
          state: "deploying",
          targetGeneration: 3,
          cordons: [{ ...holder, reason: "deploy" }],
        });
        expect(facts.environment).toMatchObject({ allowedDigests: [digest], deployCordoned: [sandboxId] });
        const undone = { ...next, revision: next.revision + 1 };
        await under.store.save(undone, next.revision, {
          decisions: [],
          writes: [
            { kind: "uncordon", sandboxId, ...holder },
            { kind: "disallow_release", digest, reason: "gone" },
          ],
        });
        const after = await under.store.facts(undone);
        expect(after.environment).toMatchObject({ allowedDigests: [], deployCordoned: [] });
      }));

    it("lists what there is work with, and forgets what is over", () =>
      withStore(async (under) => {
        const [first, second] = [await under.addQueued("v2"), await under.addQueued("v3")];
        expect(await under.store.listOpen()).toEqual([first, second]);
        const one = await loaded(under, first);
        const over = {
          ...one,
          state: "aborted" as const,
          engine: { kind: "ended" as const },
          revision: one.revision + 1,
        };
        expect(await under.store.save(over, one.revision, none)).toBe("saved");
        expect(await under.store.listOpen()).toEqual([second]);
      }));
  });
}

function started(before: DeployDocument, sandboxId: string): DeployDocument {
  const command = { kind: "deploy" as const, epoch: 7, issuedAt: 1_700_000_000_000 };
  const host: HostStep = {
    sandboxId,
    name: "a",
    step: "starting",
    order: "start-first",
    reason: "the new generation is started beside the old one",
    oldGeneration: 1,
    newGeneration: null,
    reportedDigest: null,
    startedAt: 1_700_000_000_000,
    endedAt: null,
    engine: { ...freshHostEngine(), command },
  };
  return {
    ...before,
    state: "in_progress",
    stateReason: "v2 to 1 sandbox",
    imageDigest: digestOf("v2"),
    startedAt: 1_700_000_000_000,
    engine: { kind: "rolling", failing: null },
    waitingOn: ["a: fetching"],
    hosts: [host],
    revision: before.revision + 1,
  };
}
