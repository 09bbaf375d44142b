import { join } from "node:path";
import { freePort } from "../local-stack/addresses.ts";
import { makeSupervisor } from "../local-stack/supervisor.ts";
import { waitFor } from "../local-stack/wait-for.ts";

export interface Site {
  url: string;
  port: number;
  /** The form server's append-only log: one JSON line a submission. */
  log: string;
  stop(): Promise<void>;
}

/** Starts the demo site, a process of its own, and waits until it answers. */
export async function startSite(program: string, dir: string): Promise<Site> {
  const port = await freePort();
  const log = join(dir, "submissions.jsonl");
  const supervisor = makeSupervisor(dir);
  supervisor.start({
    name: "site",
    args: [program],
    env: { SITE_HOST: "127.0.0.1", SITE_PORT: String(port), SITE_LOG: log },
  });
  const url = `http://127.0.0.1:${port}`;
  await waitFor(`the demo site at ${url}`, async () => {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    return response.ok ? true : undefined;
  });
  return { url, port, log, stop: () => supervisor.stopAll() };
}
