import { randomBytes } from "node:crypto";
import { agentAnswerBytes, signBytes } from "@valet/contracts/node";
import { makeFakeClock, Secret } from "@valet/shared";
import { describe, expect, it } from "vitest";
import type { AgentTransport, SignedRequest } from "./agent-http.ts";
import { makeBestWay } from "./agent-way.ts";

const key = "a key of this sandbox alone";
const { signal } = new AbortController();
/** Nobody listens on port 1. */
const address = { url: "http://127.0.0.1:1", key: new Secret(key) };

function relayOf(answerKey: string, seen: SignedRequest[], timestamp = "0"): () => AgentTransport {
  return () => ({
    name: "relay",
    async send(request) {
      seen.push(request);
      const body = "{}";
      const bytes = agentAnswerBytes(timestamp, request.signed.nonce, 200, body);
      return { status: 200, body, signed: { timestamp, signature: signBytes(answerKey, bytes) } };
    },
  });
}

describe("the way to an agent", () => {
  it("goes by the relay when port 8000 does not answer, with a signature of its own each time", async () => {
    const seen: SignedRequest[] = [];
    const call = makeBestWay({ clock: makeFakeClock(), relay: relayOf(key, seen) });
    for (let n = 0; n < 2; n += 1) {
      const answer = await call("a", address, { method: "POST", path: "/fence", body: { epoch: 1 } }, signal);
      expect(answer).toMatchObject({ ok: true, value: { status: 200 } });
    }
    expect(seen.map(({ path, body }) => [path, body])).toEqual([
      ["/fence", '{"epoch":1}'],
      ["/fence", '{"epoch":1}'],
    ]);
    expect(new Set(seen.map(({ signed }) => signed.nonce)).size).toBe(2);
  });

  it("an answer by the relay that is not signed with the sandbox's key is nobody's answer", async () => {
    const call = makeBestWay({ clock: makeFakeClock(), relay: relayOf(randomBytes(8).toString("hex"), []) });
    const answer = await call("a", address, { method: "GET", path: "/health" }, signal);
    expect(answer).toMatchObject({ ok: false, error: { kind: "unreachable" } });
  });

  it("with no agent on the line it says why port 8000 did not answer", async () => {
    const relay = () => ({
      name: "relay",
      send: () => Promise.reject(new Error("the agent has not dialled in")),
    });
    const call = makeBestWay({ clock: makeFakeClock(), relay });
    const answer = await call("a", address, { method: "GET", path: "/health" }, signal);
    expect(!answer.ok && answer.error.message).toContain("127.0.0.1:1");
  });
});
