import { mkdtempSync, rmSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentDeploy, AgentGeneration } from "@valet/contracts";
import type { BuiltRelease } from "../../tools/artefacts/build-release.ts";
import { buildFixtureRelease, cannotBoot, cannotStartItsBrowser } from "../../tools/artefacts/fixture-release/build.ts";
import { type LocalRegistry, startRegistry } from "../../tools/artefacts/registry.ts";
import { buildAgent, serviceSecret, type TestAgent } from "./agent-harness.ts";

export interface Fixtures {
  scratch: string;
  /** The built agent. */
  program: string;
  registry: LocalRegistry;
  /** v1 and v2 are sound, v3 cannot start its browser, v4's worker ends at boot. */
  release(tag: "v1" | "v2" | "v3" | "v4"): BuiltRelease;
  close(): Promise<void>;
}

/** A built agent, a registry and four releases in it, for one test file. */
export async function makeFixtures(): Promise<Fixtures> {
  const scratch = mkdtempSync(join(tmpdir(), "agent-test-"));
  const program = await buildAgent(join(scratch, "agent.mjs"));
  const registry = await startRegistry({ dir: join(scratch, "registry") });
  const releases = new Map<string, BuiltRelease>();
  const patches = { v1: [], v2: [], v3: cannotStartItsBrowser, v4: cannotBoot };
  for (const [tag, patch] of Object.entries(patches)) {
    const built = await buildFixtureRelease(tag, patch, join(scratch, tag));
    releases.set(tag, built);
    await registry.putRelease(built, tag);
  }
  return {
    scratch,
    program,
    registry,
    release(tag) {
      const built = releases.get(tag);
      if (!built) throw new Error(`no release ${tag}`);
      return built;
    },
    async close() {
      await registry.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/** Deploys start-first and settles, as the control plane does once the slots are handed over. */
export async function deployAndSettle(agent: TestAgent, tag: string): Promise<AgentDeploy> {
  const deployId = await agent.deploy(tag);
  const outcome = await agent.outcome(deployId);
  if (outcome.phase !== "verified") throw new Error(`deploy of ${tag} ended ${outcome.phase}: ${outcome.message}`);
  const command = { deploy_id: deployId, generation: outcome.generation, rollback_window_ms: 60_000 };
  const settled = await agent.signed("POST", "/settle", { ...command, epoch: agent.nextEpoch() });
  if (settled.status !== 200) throw new Error(`settle: ${settled.status} ${JSON.stringify(settled.body)}`);
  return outcome;
}

export async function generationOf(agent: TestAgent, number: number): Promise<AgentGeneration | undefined> {
  return (await agent.health()).generations.find((entry) => entry.generation === number);
}

/** Starts a job of `ms` through a front (or straight at a GH api). Answers its id. */
export async function startJob(apiUrl: string, ms: number): Promise<string> {
  const response = await fetch(`${apiUrl}/api/v1/gh/jobs`, {
    method: "POST",
    headers: { "x-gh-service-key": serviceSecret, "content-type": "application/json" },
    body: JSON.stringify({ valet_task_id: randomUUID(), fixture_ms: ms }),
  });
  return ((await response.json()) as { job_id: string }).job_id;
}

/** Deploys `tag` unless it serves already, so that a test that runs alone finds what the ones before it would have left. */
export async function ensureServing(agent: TestAgent, tag: string): Promise<void> {
  const { imageTag, accepting } = await agent.health();
  if (imageTag !== tag || !accepting) await deployAndSettle(agent, tag);
}

/** Signals the GH worker of a generation; throws when there is none, for pid 0 would mean ourselves. */
export async function signalWorker(agent: TestAgent, number: number, signal: NodeJS.Signals): Promise<number> {
  const pid = (await generationOf(agent, number))?.workerPid;
  if (!pid) throw new Error(`generation ${number} has no worker to signal`);
  process.kill(pid, signal);
  return pid;
}
