import { Secret, systemClock } from "@valet/shared";
import { afterEach, describe, expect, it } from "vitest";
import { startFakeAgent, type FakeAgent } from "../testing/fake-agent.ts";
import { describeDriver } from "../testing/driver-conformance.ts";
import { digestOf } from "../testing/world.ts";
import { makeAgentDriver } from "./agent.ts";
import { makeFakeHost, type FakeHost } from "./fake-host.ts";

const key = "a key of this sandbox alone";
const { signal } = new AbortController();
const open: FakeAgent[] = [];
afterEach(async () => {
  for (const agent of open.splice(0)) await agent.close();
});

async function start(timeoutMs = 20_000) {
  const registry = new Map([
    ["v1", { digest: digestOf("v1"), fetchMs: 20, bootMs: 20 }],
    ["v2", { digest: digestOf("v2"), fetchMs: 20, bootMs: 20 }],
    ["slow", { digest: digestOf("slow"), fetchMs: 3_600_000 }],
  ]);
  const host: FakeHost = makeFakeHost("a", { clock: systemClock, registry });
  const agent = await startFakeAgent(host, key);
  open.push(agent);
  const addressOf = async (sandboxId: string) => (sandboxId === "a" ? { url: agent.url, key: new Secret(key) } : null);
  return { host, agent, driver: makeAgentDriver({ clock: systemClock, timeoutMs, addressOf }) };
}

describeDriver("agent over signed HTTP", async () => {
  const { driver, agent } = await start();
  return {
    driver,
    sandboxId: "a",
    goodTag: "v1",
    nextTag: "v2",
    missingTag: "v9",
    async settle(done) {
      for (let n = 0; n < 1000; n += 1) {
        if (await done()) return;
        await systemClock.sleep(10);
      }
      throw new Error("the host did not get there");
    },
    close: () => agent.close(),
  };
});

describe("the agent driver", () => {
  it("sends every command to its path, signed, with epoch and deploy id", async () => {
    const { driver, agent } = await start();
    const order = (epoch: number) => ({ sandboxId: "a", deployId: "d1", epoch });
    expect((await driver.settle(order(1), { generation: 2, rollbackWindowMs: 5 }, signal)).ok).toBe(true);
    expect((await driver.rollback(order(2), { digest: digestOf("v1") }, signal)).ok).toBe(true);
    expect((await driver.endGeneration(order(3), { generation: 2, force: true }, signal)).ok).toBe(true);
    expect(agent.seen).toEqual(["POST /settle", "POST /rollback", "POST /generations/2/end"]);
  });

  it("a host whose clock is wrong by hours is asked again by its own clock, once", async () => {
    const { driver, agent } = await start();
    agent.skewMs = -7 * 3_600_000;
    expect((await driver.observe("a", signal)).ok).toBe(true);
    expect(agent.seen).toEqual(["GET /health", "GET /health"]);
  });

  it("a host with another key is unreachable: its unsigned challenge is not believed", async () => {
    const { agent } = await start();
    const stranger = makeAgentDriver({
      clock: systemClock,
      addressOf: async () => ({ url: agent.url, key: new Secret("another key") }),
    });
    const answer = await stranger.observe("a", signal);
    expect(answer).toMatchObject({ ok: false, error: { kind: "unreachable" } });
    expect(agent.seen).toHaveLength(1);
  });

  it("an answer that is not signed with the sandbox's key is nobody's answer: unreachable", async () => {
    const { driver, agent } = await start();
    agent.wrongKey = "somebody else";
    const answer = await driver.observe("a", signal);
    expect(answer).toMatchObject({ ok: false, error: { kind: "unreachable" } });
    expect(!answer.ok && answer.error.message).toContain("not signed");
  });

  it("busy is told apart from refused, and both keep the agent's words", async () => {
    const { driver } = await start();
    const command = { image_tag: "slow", order: "start-first" as const };
    await driver.deploy({ sandboxId: "a", deployId: "d1", epoch: 1 }, command, signal);
    expect(await driver.deploy({ sandboxId: "a", deployId: "d2", epoch: 2 }, command, signal)).toMatchObject({
      ok: false,
      error: { kind: "busy", message: "deploy d1 is running here" },
    });
    expect(
      await driver.deploy({ sandboxId: "a", deployId: "d2", epoch: 3 }, { image_tag: "no good" }, signal),
    ).toMatchObject({ ok: false, error: { kind: "refused", status: 400, message: "Invalid image_tag format" } });
  });

  it("a silent host is unreachable at the deadline, a closed port at once, an unknown sandbox too", async () => {
    const { driver, agent } = await start(100);
    agent.intercept = () => true;
    expect(await driver.observe("a", signal)).toMatchObject({ ok: false, error: { kind: "unreachable" } });
    await agent.close();
    expect(await driver.observe("a", signal)).toMatchObject({ ok: false, error: { kind: "unreachable" } });
    expect(await driver.observe("b", signal)).toMatchObject({ ok: false, error: { kind: "unreachable" } });
  });

  it("a redirect is not followed: the signed command goes to this host alone", async () => {
    const { driver, agent } = await start();
    agent.intercept = (_request, response) => {
      response.writeHead(307, { location: "http://127.0.0.1:1/" }).end();
      return true;
    };
    const order = { sandboxId: "a", deployId: "d1", epoch: 1 };
    expect(await driver.drain(order, signal)).toMatchObject({ ok: false, error: { kind: "unreachable" } });
  });

  it("a caller that gives up gets its own reason, not an unreachable host", async () => {
    const { driver, agent } = await start();
    agent.intercept = () => true;
    const giveUp = new AbortController();
    const answer = driver.observe("a", giveUp.signal);
    giveUp.abort(new Error("shutting down"));
    await expect(answer).rejects.toThrow();
  });
});
