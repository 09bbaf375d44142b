import { type Dispatcher, request } from "undici";
import { sleep } from "./simulated-sandbox.ts";

export interface SubmitTo {
  apiUrl: string;
  adminToken: string;
  dispatcher: Dispatcher;
}
const mostPending = 500;

/** Submits tasks of 1 to 5 s at the rate that `rate` holds now, until aborted. */
export async function submitLoop(
  to: SubmitTo,
  rate: { perSecond: number },
  signal: AbortSignal,
  onMs: (ms: number) => void,
): Promise<void> {
  let owed = 0;
  const pending = new Set<Promise<void>>();
  while (!signal.aborted) {
    owed += rate.perSecond / 20;
    for (; owed >= 1 && pending.size < mostPending; owed -= 1) {
      const startedAt = performance.now();
      const one = submit(to, 1_000 + Math.random() * 4_000)
        .then((isStored) => (isStored ? onMs(performance.now() - startedAt) : undefined))
        .finally(() => pending.delete(one));
      pending.add(one);
    }
    await sleep(50, signal);
  }
  await Promise.all(pending);
}

/** False while the API is away. */
export async function submit(to: SubmitTo, workMs: number): Promise<boolean> {
  const body = {
    steps: [{ action: "goto", url: "http://site.test/" }],
    metadata: { workMs: String(Math.round(workMs)) },
  };
  try {
    const answer = await request(`${to.apiUrl}/api/v1/tasks`, {
      ...{ method: "POST", dispatcher: to.dispatcher, body: JSON.stringify(body) },
      headers: { authorization: `Bearer ${to.adminToken}`, "content-type": "application/json" },
    });
    await answer.body.dump();
    return answer.statusCode === 201;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}
