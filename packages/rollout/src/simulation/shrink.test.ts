import { expect, it } from "vitest";
import { drawScript } from "./draw.ts";
import type { Script } from "./script.ts";
import { shrinkWith } from "./shrink.ts";

it("keeps only what the failure needs: two happenings of many, and one host", async () => {
  const script = drawScript(4, { hosts: 6 });
  const [deploy] = script.happenings.filter((one) => one.kind === "new-deploy");
  if (!deploy) throw new Error("every script has a deploy");
  const fault = { kind: "lose-disk" as const, atMs: 50_000, forMs: 1_000, host: "host-04" };
  const full: Script = { ...script, happenings: [...script.happenings, fault] };
  const small = await shrinkWith(full, async ({ happenings, hosts }) => {
    const hasBoth = happenings.includes(deploy) && happenings.includes(fault);
    return hasBoth && hosts.some((host) => host.name === "host-04");
  });
  expect(small.happenings).toEqual([deploy, fault]);
  expect(small.hosts.map((host) => host.name)).toEqual(["host-04"]);
  expect(small.releases.length).toBeLessThanOrEqual(2);
});

it("gives up in time, with the smallest it has found", async () => {
  const script = drawScript(5);
  let tries = 0;
  const small = await shrinkWith(
    script,
    async () => {
      tries += 1;
      return false;
    },
    10,
  );
  expect(small.happenings).toEqual(script.happenings);
  expect(tries).toBeLessThanOrEqual(10);
});
