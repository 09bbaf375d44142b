import { Redis } from "ioredis";
import type { Logger } from "pino";

/**
 * A Redis that may go away at any moment. Postgres is the truth, so no caller waits for it: `attempt` answers undefined when it
 * does not answer in time, and `onConnect` runs at each connection, to bring it up to date again.
 */
export interface RedisConnection {
  attempt<T>(what: string, work: (redis: Redis) => Promise<T>): Promise<T | undefined>;
  onConnect(work: () => Promise<void>): void;
  /** Messages of one channel, on a connection of its own. */
  subscribe(channel: string, onMessage: (message: string) => void): void;
  isUp(): boolean;
  close(): void;
}

const commandTimeoutMs = 500;
const longestPauseMs = 1_000;

export function makeRedisConnection(url: string, logger: Logger): RedisConnection {
  const options = {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    connectTimeout: 2_000,
    retryStrategy: (attempt: number) => Math.min(attempt * 50, longestPauseMs),
  };
  const redis = new Redis(url, options);
  const subscriber = new Redis(url, { ...options, autoResubscribe: false });
  const channels = new Map<string, (message: string) => void>();
  const connectWork: (() => Promise<void>)[] = [];
  let warned = false;

  const warnOnce = (error: Error) => {
    if (!warned) logger.warn({ event: "redis_away", err: error.message }, "Redis is away; Postgres carries on alone");
    warned = true;
  };
  redis.on("error", warnOnce);
  subscriber.on("error", warnOnce);
  redis.on("ready", () => {
    warned = false;
    void runAll(connectWork, logger);
  });
  subscriber.on("ready", () => {
    for (const channel of channels.keys()) subscriber.subscribe(channel).catch(warnOnce);
  });
  subscriber.on("message", (channel: string, message: string) => channels.get(channel)?.(message));
  redis.connect().catch(warnOnce);

  return {
    async attempt(what, work) {
      if (redis.status !== "ready") return undefined;
      try {
        return await work(redis);
      } catch (cause) {
        logger.warn({ event: "redis_command_failed", what, err: cause }, "Redis did not take a command");
        return undefined;
      }
    },
    onConnect(work) {
      connectWork.push(work);
      if (redis.status === "ready") void runAll([work], logger);
    },
    subscribe(channel, onMessage) {
      channels.set(channel, onMessage);
      if (subscriber.status === "wait") subscriber.connect().catch(warnOnce);
      else if (subscriber.status === "ready") subscriber.subscribe(channel).catch(warnOnce);
    },
    isUp: () => redis.status === "ready",
    close() {
      redis.disconnect();
      subscriber.disconnect();
    },
  };
}

async function runAll(work: readonly (() => Promise<void>)[], logger: Logger): Promise<void> {
  for (const one of work)
    await one().catch((cause: unknown) =>
      logger.error({ event: "redis_sync_failed", err: cause }, "could not bring Redis up to date"),
    );
}
