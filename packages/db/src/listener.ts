import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

export interface Listener {
  close(): Promise<void>;
}

export interface ListenerOptions {
  url: string;
  applicationName: string;
  channels: readonly string[];
  onNotify: (channel: string, payload: string) => void;
  /** Called after each reconnection: what was notified meanwhile is lost, so look at everything once. */
  onReconnect: () => void;
  onError: (error: Error) => void;
}

const keepAliveMs = 15_000;
const longestPauseMs = 5_000;

/** LISTEN on one connection; when it breaks, connects again until closed. Resolves once the first LISTEN stands. */
export async function makeListener(options: ListenerOptions): Promise<Listener> {
  const stop = new AbortController();
  let client = await connect(options);
  const loop = (async () => {
    for (;;) {
      await untilBroken(client, stop.signal, options.onError);
      await client.end().catch(options.onError);
      if (stop.signal.aborted) return;
      const next = await connectAgain(options, stop.signal);
      if (!next) return;
      client = next;
      options.onReconnect();
    }
  })();
  return {
    async close() {
      stop.abort();
      await loop;
    },
  };
}

async function connect(options: ListenerOptions): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: options.url,
    application_name: options.applicationName,
    connectionTimeoutMillis: 5_000,
    query_timeout: 10_000,
    keepAlive: true,
  });
  client.on("error", options.onError);
  client.on("notification", (message) => options.onNotify(message.channel, message.payload ?? ""));
  try {
    await client.connect();
    for (const channel of options.channels) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    return client;
  } catch (error) {
    await client.end().catch(options.onError);
    throw error;
  }
}

async function connectAgain(options: ListenerOptions, signal: AbortSignal): Promise<pg.Client | undefined> {
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    if (signal.aborted) return undefined;
    try {
      return await connect(options);
    } catch (error) {
      options.onError(new Error("LISTEN connection is down, trying again", { cause: error }));
    }
    await sleep(pauseMs, undefined, { signal }).catch((reason: unknown) => {
      if (!signal.aborted) throw reason;
    });
  }
}

/** Resolves when the connection ends, an occasional SELECT goes unanswered, or `signal` aborts. */
async function untilBroken(client: pg.Client, signal: AbortSignal, onError: (error: Error) => void): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      client.query("SELECT 1").catch((error: Error) => {
        onError(error);
        done();
      });
    }, keepAliveMs);
    const done = (): void => {
      clearInterval(timer);
      client.removeListener("end", done);
      client.removeListener("error", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    client.once("end", done);
    client.once("error", done);
    signal.addEventListener("abort", done, { once: true });
  });
}
