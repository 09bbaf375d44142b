import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { makeHostClock } from "./runtime/host-clock.ts";
import { useSuite } from "./testing/suite.ts";
import { until } from "./testing/until.ts";

const suite = useSuite();
const bun = join(dirname(createRequire(import.meta.url).resolve("@oven/bun-linux-x64/package.json")), "bin", "bun");

it("api and worker run on bun as they do on Node: a task with a write, a freeze, a drain", () =>
  suite.withHost({ runtime: bun, leaseMs: 6_000 }, async (host) => {
    const url = `${suite.site().url}/form`;
    const { taskId } = await host.submit({
      steps: [
        { action: "goto", url },
        { action: "fill", selector: "#name", value: "Bun" },
        { action: "click", selector: "#send" },
        { action: "extract", selector: "#confirmation", as: "confirmation" },
        { action: "screenshot" },
      ],
    });
    expect(await host.finished(taskId)).toMatchObject({ status: "completed" });
    expect(suite.site().requests("/submit")).toHaveLength(1);
    await host.slotsReady(2);

    // Its monotonic clock is the host's, so a lease given by a Node process is neither past nor fresh for ever.
    host.relay.policy.renew = false;
    const lease = host.relay.lease();
    const nearlyPast = { ...lease, renewed_mono_ms: makeHostClock().monoMs() - 4_000 };
    const late = await host.submit({
      steps: [
        { action: "goto", url },
        { action: "waitFor", durationMs: 60_000 },
      ],
      lease: nearlyPast,
    });
    await until("frozen", async () => (await host.job(late.jobId)).frozen);
    await host.client.raw(`/api/v1/gh/jobs/${late.jobId}/cancel`, { method: "POST" });
    expect(await host.finished(late.taskId)).toMatchObject({ status: "cancelled" });

    host.worker().signal("SIGTERM");
    expect(await host.worker().ended).toBe(0);
    expect(host.browserPids()).toEqual([]);
    expect(await host.profiles()).toEqual([]);
  }));
