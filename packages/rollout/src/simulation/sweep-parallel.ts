import { fork } from "node:child_process";
import { join } from "node:path";
import { joinSwept, type Swept, type SweepOptions } from "./sweep.ts";

/** A sweep in several processes, each with every n-th seed. They run TypeScript as this one does. */
export async function sweepParallel(options: Omit<SweepOptions, "onSeed" | "stride">, lanes: number): Promise<Swept> {
  const count = Math.min(lanes, options.count);
  const parts = await Promise.all(
    Array.from({ length: count }, (_, lane) =>
      runLane({ ...options, from: options.from + lane, count: options.count - lane, stride: count }),
    ),
  );
  return joinSwept(parts);
}

function runLane(options: SweepOptions): Promise<Swept> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, "sweep-worker.ts"));
    child.once("message", (swept) => resolve(swept as Swept));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`a sweep process ended with ${code} before it had answered`)));
    child.send(options);
  });
}
