import { createServer, type AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { deadlineSignal } from "./deadline-signal.ts";

describe("a deadline", () => {
  it("comes although garbage is collected while somebody waits for it", async () => {
    setFlagsFromString("--expose_gc");
    const collect = runInNewContext("gc") as () => void;
    const parent = new AbortController();
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    const asked = Array.from({ length: 10 }, () =>
      fetch(`http://127.0.0.1:${port}/`, { signal: deadlineSignal(300, parent.signal) }).then(
        () => "answered",
        (error: unknown) => (error instanceof Error ? error.name : "other"),
      ),
    );
    for (let n = 0; n < 5; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      collect();
    }
    expect(new Set(await Promise.all(asked))).toEqual(new Set(["TimeoutError"]));
    silent.close();
  });

  it("comes with its parent's reason when that ends first, and at once when it had ended", () => {
    const parent = new AbortController();
    const signal = deadlineSignal(60_000, parent.signal);
    expect(signal.aborted).toBe(false);
    parent.abort(new Error("shutting down"));
    expect((signal.reason as Error).message).toBe("shutting down");
    expect(deadlineSignal(60_000, parent.signal).aborted).toBe(true);
  });
});
