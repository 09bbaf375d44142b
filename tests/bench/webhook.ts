import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { signBytes } from "@valet/contracts/node";
import { Agent, request } from "undici";
import { startControlPlane } from "./control-plane.ts";
import { percentileMs } from "./fleet/measure.ts";

const secret = "the benchmark's webhook secret";
const path = "/api/v1/webhooks/ghosthands/deploy";
/** Target: a good webhook is answered within this while bad signatures pour in. */
const targetMs = 250;
const badPerSecond = 1_000;
const tickMs = 10;
const goodEveryMs = 100;

/** A good webhook now and then under 1,000 bad signatures a second. `--seconds S`. Prints JSON. */
export default async function benchWebhook(): Promise<void> {
  const { values } = parseArgs({ strict: false, options: { seconds: { type: "string" } } });
  const seconds = Number(values.seconds ?? 20);
  const plane = await startControlPlane({ leaseMs: 300_000, apiEnv: { VALET_DEPLOY_WEBHOOK_SECRET: secret } });
  try {
    const result = await measure(plane.apiUrl, seconds);
    process.stdout.write(`${JSON.stringify(result)}\n`);
    if (!result.isWithin) process.exitCode = 1;
  } finally {
    await plane.stop();
  }
}

async function measure(apiUrl: string, seconds: number) {
  // The first ones open database connections; the measure is of an API at work.
  for (let n = 0; n < 5; n += 1) await send(apiUrl, undefined, body(), secret);
  const stop = new AbortController();
  const bad = pourBad(apiUrl, stop.signal);
  await sleep(1_000);
  const good: number[] = [];
  const goodStatuses = new Map<number, number>();
  const endsAtMs = performance.now() + seconds * 1_000;
  while (performance.now() < endsAtMs) {
    const startMs = performance.now();
    const status = await send(apiUrl, undefined, body(), secret);
    good.push(performance.now() - startMs);
    goodStatuses.set(status, (goodStatuses.get(status) ?? 0) + 1);
    await sleep(goodEveryMs);
  }
  stop.abort();
  const badStatuses = await bad;
  const badSent = [...badStatuses.values()].reduce((sum, count) => sum + count, 0);
  const maxMs = percentileMs(good, 1) ?? Number.POSITIVE_INFINITY;
  const badRefused = (badStatuses.get(401) ?? 0) + (badStatuses.get(429) ?? 0);
  const allGood = goodStatuses.size === 1 && goodStatuses.has(200);
  return {
    bench: "webhook",
    seconds,
    badPerSecond: Math.round(badSent / (seconds + 1)),
    badStatuses: Object.fromEntries(badStatuses),
    goodStatuses: Object.fromEntries(goodStatuses),
    goodCount: good.length,
    goodP50Ms: percentileMs(good, 0.5),
    goodP99Ms: percentileMs(good, 0.99),
    goodMaxMs: maxMs,
    targetMs,
    isWithin: allGood && badRefused === badSent && maxMs <= targetMs,
  };
}

/** Sends bad signatures at a steady rate, whatever the answers take. */
async function pourBad(apiUrl: string, signal: AbortSignal): Promise<Map<number, number>> {
  const agent = new Agent({ connections: 50, pipelining: 1 });
  const statuses = new Map<number, number>();
  const open = new Set<Promise<void>>();
  const startMs = performance.now();
  for (let sent = 0; !signal.aborted; await sleep(tickMs)) {
    const due = Math.floor(((performance.now() - startMs) * badPerSecond) / 1_000);
    for (; sent < due; sent += 1) {
      const one = send(apiUrl, agent, body(), "a guess").then((status) => {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      });
      open.add(one);
      void one.finally(() => open.delete(one));
    }
  }
  await Promise.all(open);
  await agent.close();
  return statuses;
}

async function send(apiUrl: string, dispatcher: Agent | undefined, text: string, key: string): Promise<number> {
  const answer = await request(apiUrl + path, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-gh-webhook-signature": signBytes(key, text),
      "x-gh-event": "deploy_ready",
      "x-gh-environment": "staging",
    },
    body: text,
    ...(dispatcher ? { dispatcher } : {}),
  });
  await answer.body.dump();
  return answer.statusCode;
}

function body(): string {
  return JSON.stringify({
    event: "ghosthands.deploy_ready",
    image: "registry.example/ghosthands",
    image_tag: `bench-${randomUUID()}`,
    image_latest: "registry.example/ghosthands:latest",
    commit_sha: "0123456789abcdef",
    commit_message: "Measure",
    branch: "main",
    environment: "staging",
    repository: "acme/ghost-hands",
    run_id: randomUUID(),
    run_url: "https://ci.example/runs/1",
    timestamp: new Date().toISOString(),
  });
}
