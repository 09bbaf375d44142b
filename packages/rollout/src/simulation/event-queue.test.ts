import fc from "fast-check";
import { expect, it } from "vitest";
import { makeEventQueue } from "./event-queue.ts";
import { makeRandom } from "./random.ts";

it("gives events in the order of their times, whatever the order they came in", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 200 }), (times) => {
      const random = makeRandom(1);
      const queue = makeEventQueue(() => random.next());
      for (const atMs of times) queue.push(atMs, () => undefined);
      const seen: number[] = [];
      for (let event = queue.pop(); event; event = queue.pop()) seen.push(event.atMs);
      expect(seen).toEqual([...times].sort((a, b) => a - b));
    }),
  );
});
