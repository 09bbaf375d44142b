import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentAnswerBytes, agentHeaders, agentRequestBytes, signBytes, signatureMatches } from "@valet/contracts/node";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runValet } from "../testing/run-valet.ts";

const key = "agent-key-of-this-sandbox";
/** The fake agent's clock is an hour ahead of the fake `now`. */
const agentNow = Date.parse("2026-03-01T13:00:00.000Z");
interface FakeAgent {
  host: string;
  signs: boolean;
  /** How far a request's time may be off. */
  toleranceMs: number;
  seen: { method: string; path: string; body: string }[];
  close(): Promise<void>;
}
let agent: FakeAgent;
let folder: string;
beforeEach(async () => {
  agent = await startFakeAgent();
  folder = mkdtempSync(join(tmpdir(), "valet-agent-"));
});
afterEach(async () => {
  await agent.close();
  rmSync(folder, { recursive: true });
});

const run = (args: string[], over: { environment?: Record<string, string>; stdin?: string } = {}) =>
  runValet(["agent", "curl", ...args, "--host", agent.host], {
    folder,
    environment: { VALET_AGENT_KEY: key },
    ...over,
  });

it("signs the request and prints the answer", async () => {
  const ran = await run(["post", "/drain", "--data", '{"epoch":4}']);
  expect(ran).toEqual({ code: 0, stdout: '{"drained":true}\n', stderr: "" });
  expect(agent.seen.at(-1)).toEqual({ method: "POST", path: "/drain", body: '{"epoch":4}' });
});

it("takes the key from a file, bare or as identity.env", async () => {
  writeFileSync(join(folder, "bare"), `${key}\n`);
  writeFileSync(join(folder, "identity.env"), `VALET_SANDBOX_ID=x\nVALET_AGENT_KEY=${key}\n`);
  for (const file of ["bare", "identity.env"]) {
    expect((await run(["GET", "/workers", "--key-file", file], { environment: {} })).code).toBe(0);
  }
  writeFileSync(join(folder, "empty"), "\n");
  const ran = await run(["GET", "/workers", "--key-file", "empty"], { environment: {} });
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain("holds no key");
});

it("with another sandbox's key fails and shows no key", async () => {
  const ran = await run(["POST", "/drain"], { environment: { VALET_AGENT_KEY: "another" } });
  expect(ran.code).toBe(1);
  expect(ran.stdout).toBe("");
  expect(ran.stderr).toContain("is not signed with this key. Use this sandbox's own key.");
  expect(ran.stderr).not.toContain("another");
});

it("does not believe an answer that is not signed", async () => {
  agent.signs = false;
  const ran = await run(["POST", "/drain"]);
  expect(ran.code).toBe(1);
  expect(ran.stdout).toBe("");
  expect(ran.stderr).toContain("do not trust it");
});

it("signs again with the agent's own time when the clocks differ", async () => {
  agent.toleranceMs = 60_000;
  expect((await run(["POST", "/drain"])).code).toBe(0);
  expect(agent.seen).toHaveLength(2);
});

it("a refusal is printed and ends with 1", async () => {
  const ran = await run(["GET", "/nothing", "--json"]);
  expect(ran.code).toBe(1);
  expect(JSON.parse(ran.stdout)).toEqual({ error: "not_found" });
  expect(ran.stderr).toContain("refused GET /nothing: HTTP 404");
});

it("sends a body from a file or standard input, and only JSON", async () => {
  writeFileSync(join(folder, "body.json"), '{"a":1}');
  await run(["POST", "/drain", "--data", "@body.json"]);
  expect(agent.seen.at(-1)?.body).toBe('{"a":1}');
  await run(["POST", "/drain", "--data", "@-"], { environment: { VALET_AGENT_KEY: key }, stdin: '{"b":2}' });
  expect(agent.seen.at(-1)?.body).toBe('{"b":2}');
  const ran = await run(["POST", "/drain", "--data", "a=1"]);
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain("--data is not JSON");
});

it("an agent that is not there is told with what to do", async () => {
  await agent.close();
  const ran = await run(["GET", "/workers"]);
  expect(ran.code).toBe(1);
  expect(ran.stderr).toMatch(
    /Could not send GET \/workers to the agent: .* cannot be reached \(connection refused\)\. Is the/,
  );
  agent = await startFakeAgent();
});

/** Verifies and signs as the contract says; knows one path. */
async function startFakeAgent(): Promise<FakeAgent> {
  const fake = { signs: true, toleranceMs: Number.POSITIVE_INFINITY, seen: [] as FakeAgent["seen"] };
  const server = createServer((request, response) => {
    void textOf(request).then((body) => {
      const { method = "", url: path = "" } = request;
      const header = (name: keyof typeof agentHeaders) => String(request.headers[agentHeaders[name]]);
      fake.seen.push({ method, path, body });
      const bytes = agentRequestBytes(header("timestamp"), header("nonce"), method, path, body);
      const isOurs = signatureMatches(key, bytes, header("signature"));
      const isFresh = Math.abs(agentNow - Number(header("timestamp"))) <= fake.toleranceMs;
      const [status, answer] = !isOurs
        ? [401, '{"error":"unauthorized"}']
        : !isFresh
          ? [401, '{"error":"unauthorized","message":"the timestamp is off"}']
          : path === "/nothing"
            ? [404, '{"error":"not_found"}']
            : [200, '{"drained":true}'];
      const answeredAt = String(agentNow);
      const signature = signBytes(
        fake.signs ? key : "forged",
        agentAnswerBytes(answeredAt, header("nonce"), Number(status), String(answer)),
      );
      response.writeHead(Number(status), { [agentHeaders.timestamp]: answeredAt, [agentHeaders.signature]: signature });
      response.end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(fake, {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
