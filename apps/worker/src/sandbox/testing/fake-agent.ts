import { type AgentGeneration, agentGenerationSchema } from "@valet/contracts";
import { type FakeHttp, startFakeHttp } from "./fake-http.ts";
import { type FakeGhApi, fakeDigest } from "./fake-gh-api.ts";

/** An agent that only says which generations run here. */
export interface FakeAgent extends FakeHttp {
  generations: AgentGeneration[];
}

export async function startFakeAgent(ghApis: FakeGhApi[]): Promise<FakeAgent> {
  const http = await startFakeHttp(async (request) =>
    request.url.pathname === "/generations"
      ? { status: 200, body: { generations: fake.generations } }
      : { status: 404, body: { error: "not_found" } },
  );
  const fake: FakeAgent = Object.assign(Object.create(http) as FakeHttp, { generations: ghApis.map(generationOf) });
  return fake;
}

export function generationOf(ghApi: FakeGhApi): AgentGeneration {
  return agentGenerationSchema.parse({
    ...{ generation: ghApi.generation, state: "serving", imageTag: `v${ghApi.generation}`, imageDigest: fakeDigest },
    ...{ desiredDigest: fakeDigest, apiPort: ghApi.port, workerPort: 1, apiPid: 1, workerPid: 2, healthy: true },
    ...{ accepting: true, activeJobs: 0, restarts: 0, startedAt: new Date().toISOString() },
  });
}
