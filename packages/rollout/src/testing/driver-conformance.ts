import { describe, expect, it } from "vitest";
import type { HostDriver } from "../driver.ts";

/** One host behind a driver, for the suite. */
export interface DriverUnderTest {
  driver: HostDriver;
  sandboxId: string;
  /** Two tags the host can install; and one that nobody has. */
  goodTag: string;
  nextTag: string;
  missingTag: string;
  /** Lets time pass until `done`, or fails. */
  settle(done: () => Promise<boolean>): Promise<void>;
  close(): Promise<void>;
}

/** What every driver promises the engine, whatever is behind it: the fake host, the real agent. */
export function describeDriver(name: string, open: () => Promise<DriverUnderTest>): void {
  const { signal } = new AbortController();
  const order = (under: DriverUnderTest, epoch: number) => ({ sandboxId: under.sandboxId, deployId: "d1", epoch });
  const healthOf = async (under: DriverUnderTest) => {
    const seen = await under.driver.observe(under.sandboxId, signal);
    if (!seen.ok) throw new Error(seen.error.message);
    return seen.value;
  };
  const withHost = async (work: (under: DriverUnderTest) => Promise<void>) => {
    const under = await open();
    try {
      await work(under);
    } finally {
      await under.close();
    }
  };

  describe(`driver: ${name}`, () => {
    it("accepts a deploy at once, shows its epoch, and is verified only after a while, by reported digest", () =>
      withHost(async (under) => {
        const command = {
          image_tag: under.goodTag,
          order: "start-first" as const,
          epoch: 1,
          deploy_id: "d1",
          min_healthy_ms: 0,
        };
        expect((await under.driver.deploy(order(under, 1), command, signal)).ok).toBe(true);
        expect((await healthOf(under)).epoch).toBe(1);
        await under.settle(async () => (await healthOf(under)).currentDeploy?.phase === "verified");
        const health = await healthOf(under);
        const generation = health.generations.find((one) => one.generation === health.currentDeploy?.generation);
        expect(health.currentDeploy).toMatchObject({ deployId: "d1", epoch: 1 });
        expect(generation?.imageDigest).toBe(health.currentDeploy?.imageDigest);
        expect(generation?.healthy).toBe(true);
        expect(generation?.state).toBe("serving");
      }));

    it("refuses an epoch it has seen: the command sent twice is taken once", () =>
      withHost(async (under) => {
        expect((await under.driver.fence(order(under, 5), signal)).ok).toBe(true);
        expect(await under.driver.fence(order(under, 5), signal)).toMatchObject({
          ok: false,
          error: { kind: "stale" },
        });
        expect(await under.driver.drain(order(under, 4), signal)).toMatchObject({
          ok: false,
          error: { kind: "stale" },
        });
        expect((await healthOf(under)).epoch).toBe(5);
      }));

    it("a release that cannot be had fails the procedure, in words", () =>
      withHost(async (under) => {
        const command = { image_tag: under.missingTag, order: "start-first" as const, epoch: 1, deploy_id: "d1" };
        expect((await under.driver.deploy(order(under, 1), command, signal)).ok).toBe(true);
        await under.settle(async () => (await healthOf(under)).currentDeploy?.phase === "failed");
        expect((await healthOf(under)).currentDeploy?.message).toContain(under.missingTag);
      }));

    it("drain stops new work, undrain takes it back", () =>
      withHost(async (under) => {
        const command = {
          image_tag: under.goodTag,
          order: "start-first" as const,
          epoch: 1,
          deploy_id: "d1",
          min_healthy_ms: 0,
        };
        await under.driver.deploy(order(under, 1), command, signal);
        await under.settle(async () => (await healthOf(under)).accepting);
        expect((await under.driver.drain(order(under, 2), signal)).ok).toBe(true);
        await under.settle(async () => !(await healthOf(under)).accepting);
        expect((await under.driver.undrain(order(under, 3), signal)).ok).toBe(true);
        await under.settle(async () => (await healthOf(under)).accepting);
      }));

    it("settle drains the older generation to warm; rollback wakes it by digest and ends the newer one", () =>
      withHost(async (under) => {
        const stateOf = async (number: number) =>
          (await healthOf(under)).generations.find((one) => one.generation === number);
        const deploy = async (tag: string, epoch: number) => {
          const command = { image_tag: tag, order: "start-first" as const, min_healthy_ms: 0 };
          const to = { ...order(under, epoch), deployId: `d${epoch}` };
          const answer = await under.driver.deploy(to, { ...command, epoch, deploy_id: `d${epoch}` }, signal);
          if (!answer.ok) throw new Error(answer.error.message);
          await under.settle(async () => (await healthOf(under)).currentDeploy?.phase === "verified");
          return (await healthOf(under)).currentDeploy?.generation ?? 0;
        };
        const first = await deploy(under.goodTag, 1);
        const second = await deploy(under.nextTag, 2);
        expect((await stateOf(first))?.state).toBe("serving");
        const won = { generation: second, rollbackWindowMs: 600_000 };
        expect((await under.driver.settle(order(under, 3), won, signal)).ok).toBe(true);
        await under.settle(async () => (await stateOf(first))?.state === "warm");
        const digest = (await stateOf(first))?.imageDigest ?? "";
        expect((await under.driver.rollback(order(under, 4), { digest }, signal)).ok).toBe(true);
        await under.settle(async () => (await stateOf(first))?.state === "serving");
        await under.settle(async () => (await stateOf(second))?.state === "ended");
        expect((await healthOf(under)).currentDeploy).toMatchObject({ epoch: 4, phase: "rolled_back" });
      }));
  });
}
