import { makeFakeClock } from "@valet/shared";
import { describeDriver } from "../testing/driver-conformance.ts";
import { digestOf } from "../testing/world.ts";
import { makeFakeDriver, makeFakeHost } from "./fake-host.ts";

describeDriver("fake host", async () => {
  const clock = makeFakeClock();
  const registry = new Map(["v1", "v2"].map((tag) => [tag, { digest: digestOf(tag), fetchMs: 1000, bootMs: 1000 }]));
  const host = makeFakeHost("a", { clock, registry });
  return {
    driver: makeFakeDriver(new Map([["a", host]])),
    sandboxId: "a",
    goodTag: "v1",
    nextTag: "v2",
    missingTag: "v9",
    async settle(done) {
      for (let n = 0; n < 50; n += 1) {
        if (await done()) return;
        await clock.advance(500);
      }
      throw new Error("the fake host did not get there");
    },
    close: async () => undefined,
  };
});
