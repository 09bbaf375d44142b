import { randomUUID } from "node:crypto";
import type { TestApi } from "./test-api.ts";

export interface TestSandbox {
  id: string;
  name: string;
  token: string;
  agentKey: string;
}

/** A sandbox, made through the API as an operator would. */
export async function addSandbox(api: TestApi, overrides: Record<string, unknown> = {}): Promise<TestSandbox> {
  const name = `sandbox-${randomUUID().slice(0, 8)}`;
  const answer = await api.call({
    url: "/api/v1/admin/sandboxes",
    body: { name, environment: "dev", instanceId: name, publicIp: "127.0.0.11", capacity: 2, ...overrides },
  });
  if (answer.statusCode !== 201) throw new Error(`no sandbox: ${answer.body}`);
  const { id, identity } = answer.json();
  return { id, name, token: identity.token, agentKey: identity.agentKey };
}

/** The least a task needs. */
export const oneStep = { steps: [{ action: "goto", url: "https://example.org/form" }] };
