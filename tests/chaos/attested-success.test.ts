import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { startRegistry } from "../../tools/artefacts/registry.ts";
import type { SourcePatch } from "../../tools/local-stack/source-patches.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";
import { quickKnobs, startTestStack, type TestStack } from "../harness/test-stack.ts";
import { generationsOf } from "../harness/victims.ts";

let stack: TestStack | undefined;
afterEach(async () => {
  await stack?.close();
  stack = undefined;
});

/** Nothing is taken back by the deploy itself, so that what each host did by its own is what is seen. */
const knobs = { ...quickKnobs, failureAction: "continue" } as const;

/** An agent that says it deployed what was asked for, and starts what ran before. */
const lyingAgent: SourcePatch = {
  file: "packages/rollout/src/host/start-first.ts",
  replace: "startCandidate(host, record, fetched.value)",
  with: "startCandidate(host, record, host.state.value.current ?? fetched.value)",
};

describe("first 6: attested success", () => {
  it("the registry is down: failed; the tag moves mid-wave: failed; what ran before runs on, untouched", async () => {
    stack = await startTestStack({ sandboxes: 2, slots: 1 });
    const v1 = await stack.install("v1");
    const before = await serving(stack);
    expect(before.map(({ digest }) => digest)).toEqual([v1.digest, v1.digest]);

    await stack.publish("v2");
    await stack.registry.close();
    const down = await deployTo(stack, "v2");
    expect(down.state, down.stateReason).toBe("failed");
    for (const host of down.hosts) {
      expect(host.step).toBe("failed");
      expect(host.reason).toMatch(
        /the pull of v2 failed: the registry .* did not answer .*Nothing on this host was changed/,
      );
    }
    expect(await serving(stack)).toEqual(before);

    const dir = join(stack.dataDir, "registry");
    const registry = await startRegistry({ port: stack.registry.port, dir });
    try {
      const v3 = await stack.publish("v3");
      const v4 = await stack.publish("v4");
      await registry.moveTag("moving", v3.digest);
      const id = await stack.startDeploy("moving", knobs);
      const first = await waitFor("the first host to be verified", async () => {
        const { hosts } = await (stack as TestStack).deploy(id);
        return hosts.find(({ step }) => step === "handing_over" || step === "updated");
      });
      await registry.moveTag("moving", v4.digest);
      const moved = await stack.untilDeploy(id, ["completed", "failed", "rolled_back", "paused"]);
      expect(moved.state, moved.stateReason).toBe("failed");
      const second = moved.hosts.find(({ sandboxId }) => sandboxId !== first.sandboxId);
      expect(second?.step).toBe("failed");
      expect(second?.reason).toMatch(/tag moving moved/);
      const after = new Map((await serving(stack)).map(({ sandboxId, digest }) => [sandboxId, digest]));
      expect(after.get(first.sandboxId)).toBe(v3.digest);
      expect(after.get(second?.sandboxId ?? "")).toBe(v1.digest);

      // A NEW deploy of the tag means what it means now.
      const again = await deployTo(stack, "moving");
      expect(again.state, again.stateReason).toBe("completed");
      expect(again.imageDigest).toBe(v4.digest);
      expect((await serving(stack)).map(({ digest }) => digest)).toEqual([v4.digest, v4.digest]);
    } finally {
      await registry.close();
    }
  });

  it("a host that runs something else than it should is never updated, whatever its agent says", async () => {
    stack = await startTestStack({ sandboxes: 1, slots: 1, patches: [lyingAgent] });
    const v1 = await stack.install("v1");
    const v2 = await stack.publish("v2");
    const deploy = await deployTo(stack, "v2");
    expect(deploy.state, deploy.stateReason).toBe("failed");
    const [host] = deploy.hosts;
    expect(host?.step).toBe("failed");
    expect(host?.reason).toContain(`runs ${v1.digest}, but ${v2.digest} was deployed`);
    expect(deploy.decisions.map(({ summary }) => summary).join("\n")).not.toContain("-> updated");
    const slots = await stack.rows<{ digest: string }>(
      `SELECT g.image_digest AS digest FROM slots l JOIN generations g ON g.sandbox_id = l.sandbox_id AND g.number = l.generation`,
    );
    expect(slots).toEqual([{ digest: v1.digest }]);
  });
});

async function deployTo(on: TestStack, tag: string) {
  const id = await on.startDeploy(tag, knobs);
  return on.untilDeploy(id, ["completed", "failed", "rolled_back", "paused"]);
}

/** What the processes of each host's newest serving generation report themselves, and who they are. */
async function serving(on: TestStack) {
  return Promise.all(
    on.sandboxes.map(async (sandbox) => {
      const all = (await generationsOf(sandbox)).filter(({ state }) => state === "serving");
      const [newest] = all.sort((a, b) => b.generation - a.generation);
      return { sandboxId: sandbox.sandboxId, digest: newest?.imageDigest, pid: newest?.workerPid };
    }),
  );
}
