import { type Database, channels } from "@valet/db";
import type { Logger } from "pino";

export interface Notifications {
  /** Runs for each notification of the channel; `reconnected` when some may have been missed. */
  on(channel: keyof typeof channels, hear: (payload: string) => void, reconnected?: () => void): void;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** The process' one LISTEN connection; what it hears is fanned out in memory. */
export function makeNotifications(db: Database, logger: Logger): Notifications {
  const hearers = new Map<string, { hear: (payload: string) => void; reconnected: () => void }[]>();
  let close: (() => Promise<void>) | null = null;
  return {
    on(channel, hear, reconnected = () => undefined) {
      const name = channels[channel];
      hearers.set(name, [...(hearers.get(name) ?? []), { hear, reconnected }]);
    },
    async start() {
      const listener = await db.listen(
        [...hearers.keys()],
        (channel, payload) => {
          for (const { hear } of hearers.get(channel) ?? []) hear(payload);
        },
        () => {
          logger.warn({ event: "listen_reconnected" }, "LISTEN connection was away; looking at everything once");
          for (const all of hearers.values()) for (const { reconnected } of all) reconnected();
        },
      );
      close = () => listener.close();
    },
    async stop() {
      await close?.();
      close = null;
    },
  };
}
