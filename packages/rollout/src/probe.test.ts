import { makeFakeClock } from "@valet/shared";
import { describe, expect, it } from "vitest";
import type { HostDriver } from "./driver.ts";
import { makeFakeDriver, makeFakeHost } from "./drivers/fake-host.ts";
import { makeProbe, patienceMs } from "./probe.ts";

const { signal } = new AbortController();

/** A driver whose host never answers until told to. */
function stuckDriver() {
  const clock = makeFakeClock();
  const host = makeFakeHost("a", { clock, registry: new Map() });
  const plain = makeFakeDriver(new Map([["a", host]]));
  let release: () => void = () => undefined;
  let asked = 0;
  const driver: HostDriver = {
    ...plain,
    async observe(sandboxId, given) {
      asked += 1;
      await new Promise<void>((resolve) => (release = resolve));
      return plain.observe(sandboxId, given);
    },
  };
  return { clock, driver, release: () => release(), asked: () => asked };
}

describe("the probe", () => {
  it("waits for a host that answered before, however long it takes", async () => {
    const { clock, driver, release } = stuckDriver();
    const answer = makeProbe({ driver, clock })("a", false, signal);
    await clock.advance(60_000);
    release();
    expect((await answer).ok).toBe(true);
  });

  it("gives a host that was silent only a moment, and asks it one question at a time", async () => {
    const { clock, driver, release, asked } = stuckDriver();
    const probe = makeProbe({ driver, clock });
    for (let n = 0; n < 3; n += 1) {
      const answer = probe("a", true, signal);
      await clock.advance(patienceMs);
      expect(await answer).toMatchObject({ ok: false, error: { kind: "unreachable" } });
    }
    expect(asked()).toBe(1);
    const last = probe("a", true, signal);
    release();
    expect((await last).ok).toBe(true);
    expect(clock.sleepers()).toBe(0);
  });
});
