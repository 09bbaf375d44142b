import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, describe, expect, it } from "vitest";
import type { Browser } from "./browser.ts";
import { makeDesiredSlotsFile } from "./desired-slots.ts";
import { makePlaces } from "./places.ts";

const folder = mkdtempSync(join(tmpdir(), "valet-places-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const browserThat = (kill: () => Promise<void>) => ({ kill, gone: new Promise<void>(() => undefined) }) as Browser;

function open(launches: (() => Promise<Browser>)[]) {
  const dataDir = mkdtempSync(join(folder, "data-"));
  let launched = 0;
  return makePlaces({
    capacity: 1,
    file: makeDesiredSlotsFile(dataDir, 1),
    launch: () => launches[Math.min(launched++, launches.length - 1)]?.() ?? Promise.reject(new Error("no launch")),
    onChange: () => undefined,
    logger: pino({ level: "silent" }),
  });
}
const never = () => new Promise<Browser>(() => undefined);
const inTime = () => AbortSignal.timeout(10_000);

describe("releasing a place", () => {
  it("is over when the job's browser is gone, though the next one does not start", async () => {
    let kills = 0;
    const first = browserThat(async () => void (kills += 1));
    const places = open([() => Promise.resolve(first), never]);
    places.want({ owned: [0], spare: false });
    await places.release(await places.claim(0, inTime()));
    expect(kills).toBe(1);
    expect(places.slots()).toEqual([{ index: 0, state: "preparing" }]);
  });

  it("survives a browser that cannot be killed: the place waits, nobody else does", async () => {
    const stuck = browserThat(() => Promise.reject(new Error("process group 7 survives SIGKILL")));
    const places = open([() => Promise.resolve(stuck), never]);
    places.want({ owned: [0], spare: false });
    await places.release(await places.claim(0, inTime()));
    expect(places.slots()).toEqual([{ index: 0, state: "preparing" }]);
    await places.close();
  });
});
