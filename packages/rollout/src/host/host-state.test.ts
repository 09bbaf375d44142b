import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openHostState } from "./host-state.ts";
import { restoreInPlace } from "./restore-in-place.ts";

const folder = mkdtempSync(join(tmpdir(), "valet-host-state-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the agent's state", () => {
  it("is in memory what it is on disk: a change that cannot be written is taken back, and can be made later", () => {
    const path = join(folder, "unwritable.json");
    const state = openHostState(path);
    // A folder where the file should go.
    mkdirSync(path);
    expect(() => state.update((value) => void (value.nextGeneration = 7))).toThrow();
    expect(() => state.update((value) => void value.drainedBy.push("operator"))).toThrow();
    expect(state.value).toMatchObject({ nextGeneration: 1, drainedBy: [] });
    rmSync(path, { recursive: true });
    state.update((value) => void value.drainedBy.push("operator"));
    expect(openHostState(path).value.drainedBy).toEqual(["operator"]);
  });

  it("comes back with what was written last", () => {
    const path = join(folder, "generations.json");
    openHostState(path).update((value) => void value.drainedBy.push("operator"));
    const state = openHostState(path);
    rmSync(path);
    expect(state.value.drainedBy).toEqual(["operator"]);
  });
});

describe("taking a change back", () => {
  it("keeps the objects that others hold on to", () => {
    const held = { state: "serving", tags: ["a"], gone: 1 };
    const target = { list: [held], extra: true };
    const before = structuredClone({ list: [{ state: "starting", tags: ["a", "b"], back: null }] });
    Object.assign(target, { list: [held, { state: "new", tags: [], gone: 2 }] });
    restoreInPlace(target, before);
    expect(target).toEqual(before);
    expect(target.list[0]).toBe(held);
  });
});
