import type { LiveHub } from "../live/hub.ts";
import type { RedisConnection } from "./connection.ts";

const channel = "valet:live";
const rememberedIds = 2_000;

/**
 * Tells the other API replicas of live events by Redis pub/sub, beside Postgres' NOTIFY: a replica whose LISTEN connection is
 * broken hears of them all the same. What crosses Redis is the event's id; its content and who may see it stay in Postgres.
 */
export function makeLiveFanout(redis: RedisConnection, hub: LiveHub): () => void {
  const heard = new Set<number>();
  redis.subscribe(channel, (message) => {
    const id = Number(message);
    heard.add(id);
    const oldest = heard.values().next().value;
    if (heard.size > rememberedIds && oldest !== undefined) heard.delete(oldest);
    hub.heardOf(id);
  });
  return hub.subscribe((event) => {
    if (heard.has(event.id)) return;
    void redis.attempt("publish a live event", (client) => client.publish(channel, String(event.id)));
  });
}
