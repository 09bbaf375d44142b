import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitFor } from "../../tools/local-stack/wait-for.ts";
import { startTestStack, type TestStack } from "../harness/test-stack.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ sandboxes: 2, slots: 1 });
  await stack.install("v1");
});
afterAll(() => stack?.close());

describe("a host whose port 8000 nobody can reach", () => {
  it("is deployed to over the connection that its agent dialled out, while its task runs on", async () => {
    const [hidden, open] = stack.sandboxes;
    const task = await stack.submitApplication(14);
    await stack.untilRunning(1);
    // Nothing listens there: as if a firewall stood before it. The other host is reached as always.
    await stack.call("PATCH", `/api/v1/admin/sandboxes/${hidden?.sandboxId}`, { publicIp: "127.0.0.250" });
    // The control worker keeps addresses for a few seconds; from then on nothing reaches that host but the relay.
    await waitFor("the first relayed request", async () => {
      const [row] = await stack.rows<{ n: string }>(
        `SELECT n_tup_ins AS n FROM pg_stat_user_tables WHERE relname = 'agent_relays'`,
      );
      return Number(row?.n) > 0 ? true : undefined;
    });
    const release = await stack.publish("v2");
    const id = await stack.startDeploy("v2");
    const deploy = await stack.untilDeploy(id, ["completed", "failed", "paused", "rolled_back"]);
    expect(deploy.state, deploy.stateReason).toBe("completed");
    const hosts = deploy.hosts.map(({ sandboxId, step, reportedDigest }) => ({ sandboxId, step, reportedDigest }));
    for (const sandbox of [hidden, open]) {
      expect(hosts).toContainEqual({
        sandboxId: sandbox?.sandboxId,
        step: "updated",
        reportedDigest: release.digest,
      });
    }
    expect((await stack.untilEnded([task])).get(task.taskId)).toBe("completed");
    const attempts = await stack.rows(`SELECT outcome FROM attempts WHERE task_id = $1`, [task.taskId]);
    expect(attempts).toEqual([{ outcome: "completed" }]);
    // Its agent answers, so it is not called unreachable; and relayed requests do not pile up.
    const [row] = await stack.rows<{ reachable: boolean }>(`SELECT reachable FROM sandboxes WHERE id = $1`, [
      hidden?.sandboxId,
    ]);
    expect(row?.reachable).toBe(true);
    const left = await stack.rows(`SELECT id FROM agent_relays WHERE expires_at < now() - interval '10 seconds'`);
    expect(left).toEqual([]);
  });
});
