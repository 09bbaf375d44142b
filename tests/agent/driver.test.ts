import { Secret, systemClock } from "@valet/shared";
import { makeAgentDriver } from "@valet/rollout";
import { afterAll, beforeAll } from "vitest";
import { describeDriver } from "../../packages/rollout/src/testing/driver-conformance.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";
import { agentKey, startTestAgent } from "./agent-harness.ts";
import { type Fixtures, makeFixtures } from "./fixture-releases.ts";

let fixtures: Fixtures;
beforeAll(async () => {
  fixtures = await makeFixtures();
});
afterAll(() => fixtures.close());

// The suite the fake host is held to: what the engine's tests rely on is what a real agent does.
describeDriver("real agent", async () => {
  const agent = await startTestAgent({
    program: fixtures.program,
    host: "127.31.7.1",
    registryUrl: fixtures.registry.url,
  });
  const addressOf = async () => ({ url: agent.url, key: new Secret(agentKey) });
  return {
    driver: makeAgentDriver({ clock: systemClock, timeoutMs: 20_000, addressOf }),
    sandboxId: "sandbox-1",
    goodTag: "v1",
    nextTag: "v2",
    missingTag: "v9",
    settle: async (done) => {
      await waitFor("the host", async () => ((await done()) ? true : undefined), { deadlineMs: 60_000 });
    },
    close: () => agent.destroy(),
  };
});
