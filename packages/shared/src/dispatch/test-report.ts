import type { GenerationInput } from "./heartbeat-input.ts";

/** A report of a healthy generation that owns the slots given and has everything ready. For tests. */
export function testReport(change: Partial<GenerationInput> = {}): GenerationInput {
  return {
    generation: 1,
    imageTag: "v1",
    imageDigest: testDigest("a"),
    state: "serving",
    reachable: true,
    workerBootId: "boot-1",
    accepting: true,
    spareReady: false,
    slots: [],
    attempts: [],
    ...change,
  };
}

/** A digest that is easy to tell apart in tests. */
export function testDigest(letter: string): string {
  return `sha256:${letter.repeat(64)}`;
}
