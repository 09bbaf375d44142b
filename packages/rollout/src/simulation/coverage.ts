import { deployStates, hostStepStates } from "@valet/shared";
import type { DeployDocument } from "../model.ts";
import { deedKinds, faultKinds } from "./script.ts";

/** Which pairs of (deploy state or host step) × (fault or deed) were met. */
export interface Coverage {
  readonly pairs: Set<string>;
  met(kind: string, deploys: Iterable<DeployDocument>, host: string | undefined): void;
}

export function makeCoverage(): Coverage {
  const pairs = new Set<string>();
  return {
    pairs,
    met(kind, deploys, host) {
      for (const deploy of deploys) {
        pairs.add(`${deploy.state} × ${kind}`);
        for (const step of deploy.hosts) {
          if (host === undefined || step.sandboxId === host) pairs.add(`host ${step.step} × ${kind}`);
        }
      }
    },
  };
}

/** Pairs that cannot be met, and why. */
export function unreachable(place: string, kind: string): string | null {
  if (place === "no such place") return kind;
  return null;
}

const places: readonly string[] = [...deployStates, ...hostStepStates.map((step) => `host ${step}`)];
const kinds: readonly string[] = [...faultKinds, ...deedKinds];

export function reachablePairs(): string[] {
  return places.flatMap((place) =>
    kinds.filter((kind) => unreachable(place, kind) === null).map((kind) => `${place} × ${kind}`),
  );
}

/** The share of reachable pairs that were met, and those that were not. */
export function coverageOf(pairs: ReadonlySet<string>): { share: number; missing: string[] } {
  const all = reachablePairs();
  const missing = all.filter((pair) => !pairs.has(pair));
  return { share: all.length === 0 ? 1 : 1 - missing.length / all.length, missing };
}
