import type { MemoryTaskSpec } from "../../packages/rollout/src/simulation/tasks/model.ts";

/** What both stores are given. */
export type TestSpec = MemoryTaskSpec & { metadata: Record<string, string> };

/** A task of up to three steps, with all that decides about its way; which, is a matter of luck. */
export function specOf(luck: number, sandboxIds: readonly string[]): TestSpec {
  const steps = Array.from({ length: 1 + (luck % 3) }, () => ({ action: "goto", url: "https://example.com/" }));
  return {
    steps,
    queueTimeoutMs: luck % 5 === 0 ? 15_000 : 3_600_000,
    priority: [0, 0, 0, 10, -5][(luck >> 3) % 5] ?? 0,
    placement: placementOf(luck >> 5, sandboxIds),
    retry: { maxAttempts: 1 + ((luck >> 7) % 3) },
    metadata: {},
    restart: luck % 4 === 0 ? "safe" : "review",
  };
}

function placementOf(luck: number, sandboxIds: readonly string[]): MemoryTaskSpec["placement"] {
  const sandboxId = sandboxIds[luck % Math.max(1, sandboxIds.length)];
  switch (luck % 8) {
    case 0:
      return { labels: { zone: "a" } };
    case 1:
      return { labels: { gpu: "yes" } };
    case 2:
      return { labels: { zone: "b", gpu: "yes" } };
    case 3:
      return sandboxId === undefined ? { labels: {} } : { labels: {}, sandboxId };
    default:
      return { labels: {} };
  }
}
