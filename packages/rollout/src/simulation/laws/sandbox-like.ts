import type { MemoryTaskSandbox } from "../tasks/model.ts";

/** The part of a sandbox's rows that laws read. */
export type SandboxLike = Pick<MemoryTaskSandbox, "slots" | "epoch" | "cordons">;
