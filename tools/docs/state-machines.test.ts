import { readFileSync } from "node:fs";
import { deployTransitions } from "@valet/shared";
import { expect, it } from "vitest";
import { renderStateMachines, stateMachinesFile } from "./state-machines.ts";

it("docs/state-machines.md is what the transition tables say now", async () => {
  const message = "run: npx tsx --conditions=source tools/docs/state-machines.ts";
  expect(readFileSync(stateMachinesFile, "utf8") === (await renderStateMachines()), message).toBe(true);
});

it("has an arrow for each legal move and a row for each state", async () => {
  const text = await renderStateMachines();
  for (const [from, targets] of Object.entries(deployTransitions)) {
    expect(text).toMatch(new RegExp(`^\\| \`${from}\` +\\|`, "m"));
    for (const to of targets) expect(text).toContain(`  ${from} --> ${to}\n`);
  }
});

it("says of each state of deploys and tasks who may cause it", async () => {
  const text = await renderStateMachines();
  expect(text.match(/who may cause it/g)).toHaveLength(2);
  expect(text).toMatch(/^\| `rolling_back` +\|[^|]+\| an operator; the engine/m);
  expect(text).toMatch(/^\| `assigned` +\|[^|]+\| the control worker/m);
});
