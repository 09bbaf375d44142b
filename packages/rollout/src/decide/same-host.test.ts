import { expect, it } from "vitest";
import { freshHostEngine, hostEngineSchema, type HostStep } from "../model.ts";
import { isSameHost } from "./same-host.ts";

const host: HostStep = {
  ...{ sandboxId: "a", name: "a", step: "pending", order: "start-first", reason: "", oldGeneration: null },
  ...{ newGeneration: null, reportedDigest: null, startedAt: null, endedAt: null, engine: freshHostEngine() },
};

it("a change of any field of a host or of its engine is a change", () => {
  expect(Object.keys(host.engine).sort()).toEqual(Object.keys(hostEngineSchema.shape).sort());
  expect(isSameHost({ ...host, engine: { ...host.engine } }, host)).toBe(true);
  for (const key of Object.keys(host)) {
    expect(isSameHost({ ...host, [key]: key === "engine" ? { ...host.engine, holds: true } : {} }, host), key).toBe(
      false,
    );
  }
  for (const key of Object.keys(host.engine)) {
    expect(isSameHost({ ...host, engine: { ...host.engine, [key]: {} } }, host), key).toBe(false);
  }
});
