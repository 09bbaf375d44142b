import type { Write } from "./effect.ts";
import type { Seen } from "./history/journal.ts";
import type { Decision, DeployDocument } from "./model.ts";
import type { EnvironmentFacts, SandboxFacts } from "./observation.ts";

/** Where deploys live. Postgres in production, memory in tests; one conformance suite for both (testing/store-conformance.ts). */
export interface DeployStore {
  load(deployId: string): Promise<DeployDocument | null>;
  /** Ids of deploys that wait, are under way, or carry a request; oldest first. */
  listOpen(): Promise<string[]>;
  /** What the database holds about this deploy's environment and the sandboxes it concerns, in the order hosts are taken. */
  facts(deploy: DeployDocument): Promise<{ environment: EnvironmentFacts; sandboxes: SandboxFacts[] }>;
  /**
   * Document, rows and decisions in one transaction. `lost_race`: the deploy is no longer at `expectedRevision`, another deploy
   * is active in its place, or an epoch was given to somebody else. Then nothing at all was written.
   */
  save(
    next: DeployDocument,
    expectedRevision: number,
    /** `seen`: what was decided from, for the journal; written in the same transaction. */
    change: { decisions: readonly Decision[]; writes: readonly Write[]; seen?: Seen },
  ): Promise<"saved" | "lost_race">;
}
