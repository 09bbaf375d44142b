import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectNothingLeftOver, expectNothingLostNothingTwice } from "../harness/invariants.ts";
import { quickKnobs, startTestStack, type TestStack } from "../harness/test-stack.ts";
import { busyBrowserPid, kill, oldestGenerationPid, pidOf } from "../harness/victims.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ sandboxes: 2, slots: 2, leaseMs: 60_000 });
  await stack.install("v0");
});
afterAll(() => stack?.close());

/** Each kills one process for good; whoever supervises it has to bring it back. */
const victims: Record<string, (stack: TestStack) => Promise<void> | void> = {
  api: () => kill(pidOf(stack, "api")),
  "control worker": () => kill(pidOf(stack, "control")),
  "sandbox worker": () => kill(pidOf(stack, "sandbox-1-worker")),
  agent: () => kill(pidOf(stack, "sandbox-1-agent")),
  "GH api": async () => kill(await oldestGenerationPid(stack.sandboxes[0]!, "api")),
  "GH worker": async () => kill(await oldestGenerationPid(stack.sandboxes[0]!, "worker")),
  browser: () => kill(busyBrowserPid(stack.sandboxes[0]!)),
  "Postgres server (restarted, not killed)": () => stack.restartPostgres(),
};

describe("during a rollout with tasks running, nothing is lost and nothing runs twice", () => {
  for (const [index, [name, strike]] of Object.entries(victims).entries()) {
    it(`when the ${name} is killed`, async () => {
      const version = `v${index + 1}`;
      await stack.publish(version);
      const tasks = await Promise.all([4, 5, 6, 7, 3, 3].map((seconds) => stack.submitApplication(seconds)));
      await stack.untilRunning(4);
      const deployId = await stack.startDeploy(version, quickKnobs);
      await waitFor("the first host to be on its way", async () => {
        const { hosts } = await stack.deploy(deployId);
        return hosts.some(({ step }) => ["verifying", "handing_over"].includes(step)) ? true : undefined;
      });
      await strike(stack);
      await expectNothingLostNothingTwice(stack, tasks);
      const deploy = await stack.untilDeploy(deployId, ["completed"]);
      expect(deploy.hosts.map(({ step }) => step)).toEqual(["updated", "updated"]);
      await expectNothingLeftOver(stack);
    });
  }
});
