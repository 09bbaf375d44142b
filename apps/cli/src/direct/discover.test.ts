import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "@valet/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fakeNow } from "../testing/fake-views.ts";
import { runValet } from "../testing/run-valet.ts";
import { writeSnapshot } from "./fleet-snapshot.ts";

const signingKey = "a signing key of the operator";
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "valet-direct-"));
  mkdirSync(join(folder, ".valet"));
  writeFileSync(join(folder, "keys.json"), JSON.stringify({ signingKey, agents: {} }), { mode: 0o600 });
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The keys file has no key of any host: the refusal names those that were found, and nothing is sent anywhere. */
async function found(environment: Record<string, string> = {}, ...flags: string[]) {
  const args = [
    "deploys",
    "create",
    "v2",
    "--environment",
    "staging",
    "--direct",
    "--keys-file",
    "keys.json",
    ...flags,
  ];
  const ran = await runValet(args, { folder, environment });
  expect(ran.code, ran.stdout).not.toBe(0);
  return ran.stderr;
}
function takeSnapshot(key = signingKey, agoMs = 3 * 3_600_000) {
  const sandboxes = [
    { sandboxId: "1", name: "from-snapshot", environment: "staging", address: "10.0.0.1", agentPort: 8000 },
    { sandboxId: "2", name: "elsewhere", environment: "production", address: "10.0.0.2", agentPort: 8000 },
  ];
  writeSnapshot(
    join(folder, ".valet/fleet-snapshot.json"),
    { takenAt: new Date(fakeNow - agoMs).toISOString(), apiUrl: "http://api", sandboxes, lastCompleted: {} },
    new Secret(key),
  );
}
const variables = { SANDBOX_IPS: "10.0.1.1, 10.0.1.2:8001", EC2_IP_STG: "10.0.2.1", EC2_IP_PROD: "10.0.3.1" };

describe("which hosts a deploy past the API goes to", () => {
  it("given hosts first, then the signed snapshot, SANDBOX_IPS, EC2_IP_STG; nobody can say: it stops", async () => {
    takeSnapshot();
    writeFileSync(join(folder, "hosts.txt"), "# the fleet\n10.0.9.1 from-file\n\n10.0.9.2:8001  other\n");
    expect(await found(variables, "--hosts-file", "hosts.txt")).toContain("no agent key of from-file, other.");
    expect(await found(variables, "--sandbox", "10.0.8.1")).toContain("no agent key of 10.0.8.1.");
    expect(await found(variables)).toContain("no agent key of from-snapshot.");
    rmSync(join(folder, ".valet/fleet-snapshot.json"));
    expect(await found(variables)).toContain("no agent key of 10.0.1.1, 10.0.1.2:8001.");
    expect(await found({ ...variables, SANDBOX_IPS: "" })).toContain("no agent key of 10.0.2.1.");
    expect(await found()).toMatch(/Nobody can say which hosts staging has\. Name them: --hosts-file/);
  });

  it("a snapshot that somebody else signed, or changed, says nothing: it would say where commands go", async () => {
    takeSnapshot("another key than the operator's");
    expect(await found(variables)).toContain("is not signed with your signingKey");
    takeSnapshot();
    const file = join(folder, ".valet/fleet-snapshot.json");
    writeFileSync(file, readFileSync(file, "utf8").replace("10.0.0.1", "10.6.6.6"));
    expect(await found(variables)).toContain("is not signed with your signingKey");
  });

  it("named sandboxes are picked out of what was found; one that is not there is a mistake", async () => {
    takeSnapshot();
    expect(await found({}, "--sandbox", "from-snapshot")).toContain("no agent key of from-snapshot.");
    expect(await found({}, "--sandbox", "sandbox-9")).toMatch(
      /--sandbox sandbox-9 is not among the hosts of the signed snapshot of .*, 3 h old/,
    );
  });

  it("a hosts file with a line that is no host is refused by that line", async () => {
    writeFileSync(join(folder, "hosts.txt"), "10.0.9.1\nnot a host at all\n");
    expect(await found({}, "--hosts-file", "hosts.txt")).toContain('hosts.txt: "not a host at all" is no host');
  });

  it("keys that other users may read are refused, and there is no flag for one", async () => {
    chmodSync(join(folder, "keys.json"), 0o644);
    expect(await found(variables)).toContain("may be read by other users");
    const ran = await runValet(["deploys", "create", "--help"]);
    expect(ran.stdout).toContain("--keys-file <path>");
    expect(ran.stdout).not.toMatch(/--(agent-)?key /);
  });

  it("other services and other strategies need the API", async () => {
    expect(await found(variables, "--service", "valet-web")).toContain("--direct cannot deploy valet-web");
  });
});
