import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { RelayedAnswer, RelayedCommand } from "@valet/contracts";
import { agentAnswerBytes, agentRequestBytes, signatureMatches, signBytes } from "@valet/contracts/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitFor } from "../../tools/local-stack/wait-for.ts";
import { agentKey, startTestAgent, type TestAgent } from "./agent-harness.ts";
import { type Fixtures, makeFixtures } from "./fixture-releases.ts";

const token = "the sandbox's own token";

let fixtures: Fixtures;
let api: FakeApi;
let agent: TestAgent;
beforeAll(async () => {
  fixtures = await makeFixtures();
  api = await startFakeApi();
  agent = await startTestAgent({
    program: fixtures.program,
    host: "127.31.1.8",
    registryUrl: fixtures.registry.url,
    env: { VALET_API_URL: api.url, VALET_SANDBOX_TOKEN: token },
  });
});
afterAll(async () => {
  await agent?.destroy();
  await api?.close();
  await fixtures?.close();
});

describe("an agent that dials out", () => {
  it("takes a signed command over its own connection, and signs its answer", async () => {
    const { command, answer } = await relay("POST", "/fence", { epoch: agent.nextEpoch(), deploy_id: randomUUID() });
    expect(answer.status).toBe(200);
    expect(isSigned(command, answer)).toBe(true);
    expect((await agent.health()).epoch).toBe(1);
    const health = await relay("GET", "/health");
    expect(isSigned(health.command, health.answer)).toBe(true);
    expect(JSON.parse(health.answer.body)).toMatchObject({ epoch: 1 });
  });

  it("a replayed command is refused: its nonce was used, whichever way it came before", async () => {
    const first = await relay("POST", "/fence", { epoch: agent.nextEpoch() });
    expect(first.answer.status).toBe(200);
    const again = await api.ask({ ...first.command, id: randomUUID() });
    expect(again.status).toBe(401);
    expect(again.body).toContain("nonce was used before");
  });

  it("a command with a new signature but an old epoch is refused as stale", async () => {
    const { epoch } = await agent.health();
    const { answer } = await relay("POST", "/fence", { epoch });
    expect(answer.status).toBe(409);
    expect(answer.body).toContain("stale_epoch");
  });

  it("what the API itself makes up is refused: another key, or what only the host itself may do unsigned", async () => {
    const before = await agent.health();
    const deploy = { image_tag: "v1" };
    const forged = await relay("POST", "/deploy", { ...deploy, epoch: before.epoch + 1 }, "a key of the API's own");
    expect(forged.answer.status).toBe(401);
    const unsigned = { timestamp: "", nonce: "", signature: "" };
    const plain = await api.ask({
      ...{ id: randomUUID(), method: "POST", path: "/deploy" },
      ...{ signed: unsigned, body: JSON.stringify(deploy) },
    });
    expect(plain.status).toBe(401);
    const after = await agent.health();
    expect(after.currentDeploy).toBeNull();
    expect(after.epoch).toBe(before.epoch);
  });

  it("dials in again after the API was away", async () => {
    await api.goAway();
    await waitFor("the agent to notice", async () => (agent.log().includes("dial_out_failed") ? true : undefined));
    await api.comeBack();
    const { answer } = await relay("POST", "/fence", { epoch: agent.nextEpoch() });
    expect(answer.status).toBe(200);
  });
});

async function relay(method: "GET" | "POST", path: string, body?: unknown, key = agentKey) {
  const text = body === undefined ? "" : JSON.stringify(body);
  const timestamp = String(Date.now());
  const nonce = randomUUID();
  const signature = signBytes(key, agentRequestBytes(timestamp, nonce, method, path, text));
  const command: RelayedCommand = {
    ...{ id: randomUUID(), method, path },
    ...{ signed: { timestamp, nonce, signature }, body: text },
  };
  return { command, answer: await api.ask(command) };
}

function isSigned(command: RelayedCommand, { status, signed, body }: RelayedAnswer): boolean {
  return signatureMatches(
    agentKey,
    agentAnswerBytes(signed.timestamp, command.signed.nonce, status, body),
    signed.signature,
  );
}

interface FakeApi {
  url: string;
  /** Hands a command to the agent's long-poll and waits for its answer. */
  ask(command: RelayedCommand): Promise<RelayedAnswer>;
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  close(): Promise<void>;
}

/** The two routes that an agent dials in for, and nothing else. */
async function startFakeApi(): Promise<FakeApi> {
  const queued: RelayedCommand[] = [];
  const answers = new Map<string, RelayedAnswer>();
  let server = await listen(0);
  const { port } = server.address() as AddressInfo;

  function listen(on: number): Promise<Server> {
    const made = createServer((request, response) => {
      const json = (status: number, body: unknown) =>
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      if (request.headers.authorization !== `Bearer ${token}`) return void json(401, { error: "unauthorized" });
      if (request.method === "POST") {
        void bodyOf(request).then((body) => {
          const sent = (JSON.parse(body) as { answers: RelayedAnswer[] }).answers;
          for (const answer of sent) answers.set(answer.id, answer);
          json(200, { taken: sent.length });
        });
        return;
      }
      const give = (triesLeft: number): void => {
        if (response.destroyed) return;
        if (queued.length === 0 && triesLeft > 0) return void setTimeout(() => give(triesLeft - 1), 20);
        json(200, { commands: queued.splice(0) });
      };
      give(100);
    });
    return new Promise((resolve) => made.listen(on, "127.0.0.1", () => resolve(made)));
  }
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url: `http://127.0.0.1:${port}`,
    async ask(command) {
      queued.push(command);
      return waitFor(`the answer to ${command.path}`, async () => answers.get(command.id), { everyMs: 20 });
    },
    goAway: stop,
    async comeBack() {
      server = await listen(port);
    },
    close: stop,
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
