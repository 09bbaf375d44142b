import { existsSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestAgent, type TestAgent } from "./agent-harness.ts";
import { deployAndSettle, type Fixtures, generationOf, makeFixtures } from "./fixture-releases.ts";

let fixtures: Fixtures;
let agent: TestAgent;
beforeAll(async () => {
  fixtures = await makeFixtures();
});
afterAll(() => fixtures.close());
beforeEach(async () => {
  agent = await startTestAgent({ program: fixtures.program, host: "127.31.1.9", registryUrl: fixtures.registry.url });
  await deployAndSettle(agent, "v1");
});
afterEach(() => agent.destroy());

const digestOf = (tag: "v1" | "v2" | "v3") => fixtures.release(tag).digest;
const inRegistry = (kind: "manifests" | "blobs", digest: string) =>
  join(fixtures.scratch, "registry", kind, digest.slice(7));
const layerOf = (tag: "v1" | "v2" | "v3") => fixtures.release(tag).blobs.at(-1)?.digest ?? "";

/** The registry without one of its files, for as long as `work` takes. */
async function without(file: string, work: () => Promise<void>): Promise<void> {
  expect(existsSync(file)).toBe(true);
  renameSync(file, `${file}.away`);
  try {
    await work();
  } finally {
    renameSync(`${file}.away`, file);
  }
}

for (const order of ["start-first", "stop-first"] as const) {
  describe(`the way back of a ${order} deploy`, () => {
    it("F11: must be there before anything is touched: a release that nobody has fails the deploy at once", async () => {
      const before = await generationOf(agent, 1);
      fixtures.registry.requests.length = 0;
      const lost = `sha256:${"a".repeat(64)}`;
      const outcome = await agent.outcome(await agent.deploy("v2", { order, previous_digest: lost }));
      expect(outcome).toMatchObject({ phase: "failed", generation: null });
      expect(outcome.message).toContain(
        `the release to go back to (${lost}) can neither be found here nor fetched: ${lost} is not installed; the registry`,
      );
      expect(outcome.message).toContain("Nothing on this host was changed");
      expect(await generationOf(agent, 1)).toMatchObject({
        state: "serving",
        accepting: true,
        workerPid: before?.workerPid,
        restarts: 0,
      });
      // Not even the new release was asked for.
      expect(fixtures.registry.requests).toEqual([`/v2/ghosthands/manifests/${lost}`]);
    });

    it("is not there when the registry has lost one of its parts", async () => {
      await without(inRegistry("blobs", layerOf("v3")), async () => {
        const outcome = await agent.outcome(await agent.deploy("v2", { order, previous_digest: digestOf("v3") }));
        expect(outcome.phase).toBe("failed");
        expect(outcome.message).toContain("can neither be found here nor fetched");
        expect(outcome.message).toContain(layerOf("v3"));
      });
    });
  });
}

describe("the way back of a deploy", () => {
  it("may be here alone: what this host holds intact needs no registry", async () => {
    await without(inRegistry("manifests", digestOf("v1")), async () => {
      const outcome = await agent.outcome(await agent.deploy("v2", { previous_digest: digestOf("v1") }));
      expect(outcome.phase, outcome.message).toBe("verified");
    });
  });

  it("may be in the registry alone, which is asked and not emptied; from then on pruning leaves it alone", async () => {
    fixtures.registry.requests.length = 0;
    const outcome = await agent.outcome(await agent.deploy("v2", { previous_digest: digestOf("v3") }));
    expect(outcome.phase, outcome.message).toBe("verified");
    expect(fixtures.registry.requests).toContain(`/v2/ghosthands/blobs/${layerOf("v3")}`);
    const installed = readdirSync(join(agent.dataDir, "agent/releases"));
    expect(installed).not.toContain(digestOf("v3").slice(7));
    expect(installed.sort()).toEqual([digestOf("v1"), digestOf("v2")].map((digest) => digest.slice(7)).sort());
  });
});
