import { createHash } from "node:crypto";
import type { PlanBlocker } from "@valet/contracts";
import { canonicalJson } from "@valet/shared";
import type { PlannedHosts } from "./plan-hosts.ts";

/** In the order they stand in a revision. Times and tasks are not among them: they move every second and change no promise. */
const partNames = [
  "the release",
  "the knobs",
  "which hosts",
  "how each host is changed",
  "what to go back to",
  "what stands in the way",
];

/** `p1-…`: a short hash of each thing that the plan was made from. */
export function planRevision({ draft, hosts }: PlannedHosts, blockers: readonly PlanBlocker[]): string {
  const { deploy } = draft;
  const parts = [
    [deploy.environment, deploy.service, deploy.imageTag, deploy.imageDigest],
    deploy.knobs,
    lists(hosts.map(({ step }) => step.sandboxId)),
    lists(hosts.map(({ step, action }) => [step.sandboxId, step.order, action])),
    [deploy.previousTag, deploy.previousDigest],
    blockers.filter((one) => one.blocks && one.kind !== "trigger").map(({ kind, text }) => [kind, text]),
  ];
  return [
    "p1",
    ...parts.map((part) =>
      createHash("sha256")
        .update(typeof part === "string" ? part : canonicalJson(part))
        .digest("hex")
        .slice(0, 6),
    ),
  ].join("-");
}

/** Without objects, whose keys would have to be sorted, any JSON is canonical. */
const lists = (of: (string | string[])[]): string => JSON.stringify(of);

/** What is another now than when the plan was made, for people; null: nothing. */
export function planMoved(planned: string, now: string): string | null {
  if (planned === now) return null;
  const before = planned.split("-").slice(1);
  const moved = now
    .split("-")
    .slice(1)
    .flatMap((part, place) => (part === before[place] ? [] : [partNames[place] ?? "something"]));
  return moved.join(", ");
}
