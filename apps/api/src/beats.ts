import { randomUUID } from "node:crypto";
import { beat } from "@valet/db";
import type { Logger } from "pino";
import type { ApiContext } from "./context.ts";

/** Tells the database that this API was awake: sandboxes could reach it, so a lease that runs out is the sandbox's doing. */
export function makeBeats({ db, times }: ApiContext, logger: Logger) {
  const who = { kind: "api", id: `api-${randomUUID()}` } as const;
  let timer: NodeJS.Timeout | undefined;
  const tick = () => {
    beat(db, who, times).catch((cause: unknown) =>
      logger.warn({ event: "beat_failed", err: cause }, "the API's sign of life was not stored"),
    );
  };
  return {
    start() {
      tick();
      timer = setInterval(tick, times.heartbeatMs);
    },
    stop() {
      clearInterval(timer);
    },
  };
}
