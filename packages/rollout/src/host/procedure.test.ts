import { err, makeFakeClock, ok } from "@valet/shared";
import { describe, expect, it } from "vitest";
import type { DeployRecord } from "./host-state.ts";
import { fetchRelease, type Host } from "./procedure.ts";

const digest = `sha256:${"1".repeat(64)}`;
const { signal } = new AbortController();

function hostWith(store: Partial<Host["store"]>) {
  const asked: string[] = [];
  const host = {
    clock: makeFakeClock(),
    state: {
      value: { current: null, previous: null, generations: [], deploys: [] },
      update: (change: () => void) => change(),
    },
    registry: {
      resolveTag: async (tag: string) => {
        asked.push(tag);
        return ok(digest);
      },
    },
    store: { prune: async () => ok([]), install: async () => ok(undefined), ...store },
    log: () => undefined,
  } as unknown as Host;
  return { host, asked };
}
const record = () => ({ command: { image_tag: "v2" }, before: null, view: { timings: {} } }) as unknown as DeployRecord;

describe("fetching a release", () => {
  it("F54: releases that cannot be pruned fail the deploy by name, before the disk is full", async () => {
    const message = "releases that nobody needs any more cannot be deleted: /releases is on a read-only file system";
    const { host, asked } = hostWith({ prune: async () => err({ kind: "disk", message }) });
    expect(await fetchRelease(host, record(), signal)).toMatchObject({ ok: false, error: { message } });
    expect(asked).toEqual([]);
  });

  it("makes room first, then resolves the tag once", async () => {
    const { host, asked } = hostWith({});
    expect(await fetchRelease(host, record(), signal)).toEqual(ok({ imageTag: "v2", digest }));
    expect(asked).toEqual(["v2"]);
  });
});
