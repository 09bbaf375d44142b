import { sweep, type SweepOptions } from "./sweep.ts";

/** One process's share of a sweep: asked by one message, answered by one. */
process.once("message", (options) => {
  sweep(options as SweepOptions).then(
    (swept) => process.send?.(swept, () => process.disconnect()),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  );
});
