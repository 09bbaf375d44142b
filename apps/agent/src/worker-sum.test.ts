import type { GhWorkerStatus } from "@valet/contracts";
import { describe, expect, it } from "vitest";
import { sumActiveJobs, sumWorkers, type ToldStatus } from "./worker-sum.ts";

const told = (
  generation: number,
  state: ToldStatus["record"]["state"],
  status: Partial<GhWorkerStatus> | null,
): ToldStatus => ({
  record: { generation, state },
  status: status && {
    worker_id: "gh-1",
    active_jobs: 0,
    max_concurrent: 2,
    is_running: true,
    is_draining: false,
    uptime_ms: 1,
    timestamp: "2026-01-01T00:00:00Z",
    deploy_safe: true,
    accepting: true,
    generation,
    image_tag: `v${generation}`,
    image_digest: `sha256:${"0".repeat(64)}`,
    boot_id: "boot",
    spare: "none",
    slots: [],
    ...status,
  },
});

describe("one worker's answer for all generations", () => {
  it("F05: what is counted are running jobs: an idle stack of several generations counts none", () => {
    const idle = [told(8, "serving", {}), told(7, "warm", {})];
    expect(sumActiveJobs(idle)).toBe(0);
    expect(sumWorkers(idle)).toMatchObject({ ok: true, value: { health: { status: "idle", deploy_safe: true } } });
  });

  it("F06: a worker that does not answer makes the count unknown, never zero", () => {
    const silent = [told(8, "serving", {}), told(7, "draining", null)];
    expect(sumActiveJobs(silent)).toBeNull();
    expect(sumWorkers(silent)).toMatchObject({ ok: false, error: expect.stringContaining("generation 7") as string });
  });

  it("F01: a candidate that still boots makes nothing unknown: it has no slot, and the rest answers", () => {
    const booting = [told(9, "starting", null), told(8, "serving", { active_jobs: 2 })];
    expect(sumWorkers(booting)).toMatchObject({ ok: true, value: { health: { status: "busy", active_jobs: 2 } } });
    expect(sumWorkers([told(9, "starting", null)])).toMatchObject({
      ok: false,
      error: "no generation runs on this host",
    });
  });

  it("sums the jobs and speaks as the newest that accepts", () => {
    const busy = [
      told(9, "starting", { active_jobs: 1 }),
      told(8, "serving", { active_jobs: 1 }),
      told(7, "draining", { active_jobs: 2, accepting: false }),
    ];
    expect(sumWorkers(busy)).toMatchObject({
      ok: true,
      value: {
        status: { generation: 8, active_jobs: 4, accepting: true, deploy_safe: false, is_draining: false },
        health: { status: "busy", active_jobs: 4 },
      },
    });
  });

  it("F02: drained and idle is safe to deploy: deploy_safe looks at jobs, accepting at the drain", () => {
    const drained = [told(8, "serving", { accepting: false, is_draining: true })];
    expect(sumWorkers(drained)).toMatchObject({
      ok: true,
      value: { health: { status: "draining", active_jobs: 0, deploy_safe: true, accepting: false } },
    });
  });

  it("no generation at all is an error, not an idle worker", () => {
    expect(sumWorkers([])).toMatchObject({ ok: false });
  });
});
