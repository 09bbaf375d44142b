import type { Environment } from "@valet/shared";

/** What a newer deploy does to an older one of the same environment and service: production queues, the others supersede. */
export function supersedes(environment: Environment): boolean {
  return environment !== "production";
}
