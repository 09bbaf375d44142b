import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { taskSubmitSchema, type TaskSubmit } from "@valet/contracts";
import { expect, it } from "vitest";
import { buildBundles } from "../../../GHOST-HANDS/packages/ghosthands/src/testing/bundles.ts";
import { startHost, type TestHost } from "../../../GHOST-HANDS/packages/ghosthands/src/testing/host.ts";
import { makeSite } from "./site.ts";
import { openSubmissionLog, type SubmissionLog } from "./submission-log.ts";
import { applicationTask, readTask } from "./tasks.ts";

async function onARealHost(run: (host: TestHost, siteUrl: string, log: SubmissionLog) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "site-tasks-"));
  const log = await openSubmissionLog(join(folder, "submissions.jsonl"));
  const site = makeSite(log).listen(0, "127.0.0.1");
  await once(site, "listening");
  const siteHost = `127.0.0.1:${(site.address() as AddressInfo).port}`;
  const bundles = await buildBundles();
  try {
    const host = await startHost({ bundles, siteHost });
    try {
      await run(host, `http://${siteHost}`, log);
    } finally {
      await host.stop();
    }
  } finally {
    site.closeAllConnections();
    site.close();
    await bundles.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

function submit(host: TestHost, task: TaskSubmit, slot: number) {
  const spec = taskSubmitSchema.parse(task);
  return host.submit({
    steps: spec.steps,
    allowed_domains: spec.allowedDomains,
    timeout_ms: spec.timeoutMs,
    slot,
    lease: { ...host.relay.lease(), lease_id: `lease-${slot}` },
  });
}

it(
  "a real browser applies once, tells the number it was given, and takes about as long as it should; another reads",
  () =>
    onARealHost(async (host, siteUrl, log) => {
      const startedAt = performance.now();
      const application = await submit(host, applicationTask({ siteUrl, reference: "application-7", seconds: 4 }), 0);
      const reading = await submit(host, readTask({ siteUrl }), 1);
      const applied = await host.finished(application.taskId);
      expect(performance.now() - startedAt).toBeGreaterThan(3_000);
      const [submission, ...more] = await log.all();
      expect(more).toEqual([]);
      expect(submission).toMatchObject({ reference: "application-7", document: { name: "curriculum-vitae.txt" } });
      expect(applied).toMatchObject({
        status: "completed",
        result: { confirmation: submission?.confirmation, reference: "application-7" },
      });
      const events = host.relay.events(application.taskId);
      expect(events.filter((event) => event.type === "screenshot").map((event) => event.data.name)).toEqual([
        "review.png",
        "confirmation.png",
      ]);
      // One step writes: one permit is enough.
      expect(new Set(host.relay.asks().map((ask) => ask.step_index)).size).toBe(1);
      const read = await host.finished(reading.taskId);
      expect(read).toMatchObject({ status: "completed" });
      expect((read.result as { openings: string[] }).openings).toContain("Customs Specialist");
    }),
  120_000,
);
