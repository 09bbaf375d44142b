import type { Strategy } from "@valet/shared";

/** What the story's environment is configured to, as `rollout.yml` would say it; times of a demo, not of a fleet. Null: as shipped. */
export function strategyConfig(strategy: Strategy, environment: string): string | null {
  const body = bodies[strategy];
  return body === null
    ? null
    : `version: 1\nenvironments:\n  ${environment}:\n    services:\n      ghosthands:\n${body}`;
}

const bodies: Readonly<Record<Strategy, string | null>> = {
  rolling: null,
  canary: indent([
    "strategy: canary",
    "canarySteps:",
    "  - { hosts: 1, taskSharePct: 50, bakeMs: 4000 }",
    "  - { hosts: 1, taskSharePct: 100, bakeMs: 4000 }",
    // Three tasks an arm find nothing but a release that fails them all: enough to show the analysis at work.
    "analysis:",
    "  looks: [{ tasksPerArm: 3, share: 1 }]",
    "  minSample: 3",
    "  windowMs: 5000",
    "  maxWaitMs: 120000",
    "  metrics: { failureRate: { share: 1 }, durationMs: null }",
  ]),
  // One host at a time is started, so that a release that cannot start is seen on the first; the switch is one for all.
  "blue-green": indent(["strategy: blue-green", "maxParallel: 1"]),
};

function indent(lines: readonly string[]): string {
  return lines.map((line) => `        ${line}\n`).join("");
}
