import { createHash } from "node:crypto";
import { canonicalJson, type DeployState } from "@valet/shared";
import type { DeployDocument, HostStep } from "../model.ts";
import type { Observations } from "../observation.ts";
import { type Folded, type ObservationDelta, foldDelta, foldedOf, observationDelta } from "./observation-delta.ts";
import { changedFields, sameJson } from "./same-json.ts";

/** What a saved decision was made from. */
export interface Seen {
  /** The deploy as it was loaded. */
  deploy: DeployDocument;
  observations: Observations;
  now: number;
}

/** Everything of a deploy but its hosts, which only the engine changes. */
export type DeployHead = Omit<DeployDocument, "hosts">;

/** One save of one deploy: enough to decide it again, and a hash to compare the outcome with. */
export interface JournalEntry {
  /** The revision that this save made. */
  revision: number;
  nowMs: number;
  state: DeployState;
  input: JournalInput;
  result: string;
}
export interface JournalInput {
  /** What differs from the head as the save before left it: operators' wishes, approvals. */
  head: Partial<DeployHead>;
  /** Only in a deploy's first entry. */
  hosts?: HostStep[];
  observations: ObservationDelta;
}

/** What the writer of the next entry must know of the entries before. `head` null: another process wrote the last one. */
export interface JournalMemory {
  revision: number;
  head: DeployHead | null;
  seen: Folded;
}

export function journalEntry(
  memory: JournalMemory | null,
  seen: Seen,
  next: DeployDocument,
): { entry: JournalEntry; memory: JournalMemory } {
  const folded = foldedOf(seen.observations);
  const head = headOf(seen.deploy);
  const entry: JournalEntry = {
    revision: next.revision,
    nowMs: seen.now,
    state: next.state,
    input: {
      head: (memory?.head && changedFields(memory.head, head)) ?? head,
      ...(memory ? {} : { hosts: seen.deploy.hosts }),
      observations: observationDelta(memory?.seen ?? null, folded),
    },
    result: resultOf(seen.deploy, next),
  };
  return { entry, memory: { revision: next.revision, head: headOf(next), seen: folded } };
}

/** Takes in an entry that another process wrote. */
export function rememberEntry(
  memory: JournalMemory | null,
  entry: Pick<JournalEntry, "revision" | "input">,
): JournalMemory {
  return { revision: entry.revision, head: null, seen: foldDelta(memory?.seen ?? null, entry.input.observations) };
}

export function headOf({ hosts: _hosts, ...head }: DeployDocument): DeployHead {
  return head;
}

/** Hosts that `next` has and `before` has not like this; the document in memory knows, so no row need be read for it. */
export function changedHosts(before: readonly HostStep[], next: readonly HostStep[]): HostStep[] {
  const known = new Map(before.map((host, position) => [host.sandboxId, { host, position }]));
  return next.filter((host, position) => {
    const was = known.get(host.sandboxId);
    return was === undefined || was.position !== position || !sameJson(was.host, host);
  });
}

/** By induction the whole document: what it was before is what the entries before make of it. */
export function resultOf(before: DeployDocument, next: DeployDocument): string {
  const what = { head: headOf(next), hosts: changedHosts(before.hosts, next.hosts), count: next.hosts.length };
  return createHash("sha256").update(canonicalJson(what)).digest("hex").slice(0, 24);
}
