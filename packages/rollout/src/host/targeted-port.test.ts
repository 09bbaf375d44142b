import { describe, expect, it } from "vitest";
import { freeTargetedPort, posixCksum, targetedPort } from "./targeted-port.ts";

describe("the port of a targeted worker", () => {
  it.each([
    ["abc123", 3135],
    ["worker-1", 3131],
    ["w1", 3152],
    ["550e8400-e29b-41d4-a716-446655440000", 3114],
  ])("%s has port %i", (id, port) => {
    expect(targetedPort(id)).toBe(port);
  });

  it("agrees with cksum on nothing at all", () => {
    expect(posixCksum(new Uint8Array())).toBe(4294967295);
  });

  it("a taken port gives the next free one, around the end of the range, and none when all are taken", () => {
    expect(freeTargetedPort("w1", new Set([3152]))).toBe(3153);
    expect(freeTargetedPort("w1", new Set([3152, 3153, 3154, 3155, 3156, 3157, 3158, 3159]))).toBe(3110);
    const all = new Set(Array.from({ length: 50 }, (_, i) => 3110 + i));
    expect(freeTargetedPort("w1", all)).toBeUndefined();
  });
});
