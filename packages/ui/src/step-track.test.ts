import { hostOrders, hostStepStates, hostStepTransitions } from "@valet/shared";
import { describe, expect, it } from "vitest";
import { hostPath, trackOf } from "./step-track.tsx";

describe("trackOf", () => {
  it("follows a path that the transition table allows, in both orders", () => {
    for (const order of hostOrders) {
      const path = hostPath[order];
      path.slice(1).forEach((step, index) => {
        expect(hostStepTransitions[path[index] ?? "pending"]).toContain(step);
      });
    }
  });

  it("marks what is behind, where it is, and what is ahead", () => {
    const marks = trackOf("start-first", "verifying", true).map(({ mark }) => mark);
    expect(marks).toEqual(["done", "done", "current", "ahead", "ahead"]);
    expect(trackOf("stop-first", "updated", true).every(({ mark }) => mark === "done")).toBe(true);
  });

  it("shows a failed or undone host as such, at the place it surely reached", () => {
    expect(trackOf("start-first", "failed", false).map(({ mark }) => mark)).toContain("failed");
    expect(trackOf("start-first", "rolled_back", true)[2]?.mark).toBe("undone");
  });

  it("has a look for every step of every order", () => {
    for (const order of hostOrders)
      for (const step of hostStepStates) expect(trackOf(order, step, false)).toHaveLength(hostPath[order].length);
  });
});
