import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentRecords } from "../harness/agent-records.ts";
import { type CommitProxy, startCommitProxy } from "../harness/commit-proxy.ts";
import { expectNothingLeftOver } from "../harness/invariants.ts";
import { quickKnobs, startTestStack, type TestStack } from "../harness/test-stack.ts";
import { kill, pidOf } from "../harness/victims.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";

let stack: TestStack;
let proxy: CommitProxy;
beforeAll(async () => {
  stack = await startTestStack({
    sandboxes: 1,
    slots: 1,
    leaseMs: 60_000,
    wrapDatabaseUrl: async (url, who) => {
      if (who === "api") return url;
      proxy = await startCommitProxy(url);
      return proxy.url;
    },
  });
  await stack.install("v0");
});
afterAll(async () => {
  await stack?.close();
  await proxy?.close();
});

describe("first 7: crash-safe", () => {
  it("a control worker killed right after any saved step reaches the same end", async () => {
    const before = proxy.saves();
    await rollout("v1");
    const points = proxy.saves() - before;
    expect(points).toBeGreaterThan(3);
    const stride = process.env.VALET_SWEEP === "full" ? 1 : 3;
    let struck = 0;
    // How many saves a rollout takes varies by one or two with the timing: strike until one ends before its point comes.
    for (let point = 1; ; point += stride) {
      let died: number | undefined;
      proxy.atSave(point, () => {
        died = pidOf(stack, "control");
        kill(died);
      });
      await rollout(`crash-${point}`);
      if (died === undefined) break;
      struck += 1;
      await waitFor("the control worker to be back", () => (stack.supervisor.pid("control") ? true : undefined));
      expect(pidOf(stack, "control")).not.toBe(died);
    }
    expect(struck, `of ${points} saves counted`).toBeGreaterThanOrEqual(Math.floor((points - 2) / stride));
    await expectNothingLeftOver(stack);
  }, 900_000);
});

/** One rollout to its end; the end is the same each time, and nothing on the way there was done twice. */
async function rollout(version: string): Promise<void> {
  const [sandbox] = stack.sandboxes;
  if (!sandbox) throw new Error("there is one sandbox");
  const { generationsMade } = agentRecords(sandbox);
  const release = await stack.publish(version);
  const id = await stack.startDeploy(version, quickKnobs);
  const deploy = await stack.untilDeploy(id, ["completed", "failed", "rolled_back", "aborted", "paused"]);
  expect({
    state: deploy.state,
    hosts: deploy.hosts.map(({ step, reportedDigest }) => ({ step, reportedDigest })),
  }).toEqual({
    state: "completed",
    hosts: [{ step: "updated", reportedDigest: release.digest }],
  });
  const serving = await stack.rows<{ image_digest: string; n: number }>(
    `SELECT g.image_digest, count(*) AS n FROM slots s JOIN generations g ON g.sandbox_id = s.sandbox_id AND g.number = s.generation
     GROUP BY g.image_digest`,
  );
  expect(serving).toEqual([{ image_digest: release.digest, n: 1 }]);
  const after = agentRecords(sandbox);
  expect(after.generationsMade - generationsMade, "generations made").toBe(1);
  expect(after.commandsOf(id), "commands the agent carried out").toEqual(["deploy"]);
}
