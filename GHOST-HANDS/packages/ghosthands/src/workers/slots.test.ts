import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { TestHost } from "../testing/host.ts";
import { useSuite } from "../testing/suite.ts";
import { until } from "../testing/until.ts";
import { findBrowserGroups } from "./process-table.ts";

const suite = useSuite({ slots: [] });
const leaders = (host: TestHost) => findBrowserGroups(join(host.dataDir, "profiles"));
const spareReady = (host: TestHost) => until("the spare is ready", async () => (await host.status()).spare === "ready");
const want = (host: TestHost, owned: number[], spare: boolean) => host.relay.send({ type: "slots", owned, spare });
const goto = () => [{ action: "goto" as const, url: `${suite.site().url}/form` }];

it("a spare becomes the slot that is gained, without a new launch, and the next spare is prepared", async () => {
  const host = suite.host();
  await want(host, [], true);
  await spareReady(host);
  const [spare] = leaders(host);
  expect(leaders(host)).toHaveLength(1);
  await want(host, [1], true);
  await host.slotsReady(1);
  expect((await host.status()).slots).toEqual([{ index: 1, state: "ready" }]);
  expect(leaders(host)).toContain(spare);
  await spareReady(host);
  expect(leaders(host)).toHaveLength(2);
  // Lost and not wanted as a spare either: closed. One spare more than two slots is the limit.
  await want(host, [0, 1], true);
  await host.slotsReady(2);
  await spareReady(host);
  expect(leaders(host)).toHaveLength(3);
  await want(host, [], false);
  await until("all are closed", async () => leaders(host).length === 0 && (await host.status()).slots.length === 0);
  // A browser is gone before its profile is.
  await until("their profiles are gone", async () => (await host.profiles()).length === 0);
});

it("a start for a slot that is not ours yet takes the spare: it may overtake the word that it is", async () => {
  const host = suite.host();
  await want(host, [], true);
  await spareReady(host);
  const { taskId } = await host.submit({ steps: goto(), slot: 1 });
  expect(await host.finished(taskId)).toMatchObject({ status: "completed" });
  expect(host.relay.events(taskId)[0]?.data).toMatchObject({ slot: 1 });
  await host.slotsReady(1);
  expect((await host.status()).slots).toEqual([{ index: 1, state: "ready" }]);
});

it("a slot taken away while its job runs keeps its browser until the job has ended, and no longer", async () => {
  const host = suite.host();
  await want(host, [0], false);
  await host.slotsReady(1);
  const { taskId } = await host.submit({ steps: [...goto(), { action: "waitFor", durationMs: 400 }] });
  await until("it runs", async () => (await host.status()).active_jobs === 1);
  await want(host, [], false);
  expect((await host.status()).slots).toEqual([{ index: 0, state: "busy" }]);
  expect(await host.finished(taskId)).toMatchObject({ status: "completed" });
  await until("closed", async () => (await host.status()).slots.length === 0 && leaders(host).length === 0);
});

it("a verification job runs in the spare, which is then made anew; nobody above is told of it", async () => {
  const host = suite.host();
  await want(host, [], true);
  await spareReady(host);
  const [before] = leaders(host);
  const { jobId, taskId } = await host.submit({
    steps: [...goto(), { action: "click", selector: "#send" }, { action: "extract", selector: "h1", as: "heading" }],
    probe: true,
    slot: undefined,
    lease: undefined,
  });
  const done = await until("the probe ends", async () => {
    const view = await host.job(jobId);
    return view.status === "completed" && view;
  });
  expect(done.result).toEqual({ heading: "Thank you" });
  expect(host.relay.events(taskId)).toEqual([]);
  await spareReady(host);
  expect(leaders(host)).not.toContain(before);
});

it("a job without slot or lease, on a worker that owns no slot, runs in a spare made for it", async () => {
  const host = suite.host();
  await want(host, [], false);
  await until("no browser is left", () => leaders(host).length === 0);
  const { jobId } = await host.submit({ steps: goto(), slot: undefined, lease: undefined });
  await until("it completes", async () => (await host.job(jobId)).status === "completed");
  await until("the spare is closed again", () => leaders(host).length === 0);
});

it("a slot number beyond the slots is given back at once", async () => {
  const host = suite.host();
  const { taskId } = await host.submit({ steps: goto(), slot: 2 });
  expect(await host.finished(taskId)).toMatchObject({ status: "interrupted", error: { code: "no_such_slot" } });
});

it("a browser that cannot start makes the spare failed, says why, and is tried again until it can", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gh-browser-"));
  const path = join(folder, "chromium");
  try {
    await writeFile(path, "#!/bin/sh\nexit 3\n");
    await chmod(path, 0o755);
    await suite.withHost({ slots: [], env: { GH_BROWSER_PATH: path } }, async (host) => {
      await want(host, [], true);
      await until("the spare has failed", async () => (await host.status()).spare === "failed");
      await until("it is said why", () =>
        host.relay.workers()[0]?.spare_error?.startsWith("the browser did not start: "),
      );
      expect((await host.atWorker("/worker/health")).status).toBe(200);
      // However often it is tried, nothing piles up.
      expect((await host.profiles()).length).toBeLessThanOrEqual(1);
      await writeFile(path, '#!/bin/sh\nexec /usr/bin/chromium "$@"\n');
      await spareReady(host);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
