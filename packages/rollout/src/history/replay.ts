import { decide } from "../decide.ts";
import type { DeployDocument } from "../model.ts";
import { type JournalEntry, type DeployHead, headOf, resultOf } from "./journal.ts";
import { type Folded, foldDelta, observationsOf } from "./observation-delta.ts";

export interface Replayed {
  /** The document after each entry, in order. */
  documents: DeployDocument[];
  /** The first entry that decides otherwise today than it did then; null when all come out the same. */
  differs: { revision: number; why: string } | null;
}

/** Decides a deploy's whole journal again. It ends at the first entry whose outcome is not what was saved then. */
export function replay(entries: readonly JournalEntry[]): Replayed {
  const documents: DeployDocument[] = [];
  let head: DeployHead | null = null;
  let hosts: DeployDocument["hosts"] = [];
  let seen: Folded | null = null;
  for (const entry of entries) {
    seen = foldDelta(seen, entry.input.observations);
    const from: DeployDocument = {
      ...({ ...head, ...entry.input.head } as DeployHead),
      hosts: withNames(entry.input.hosts ?? hosts, seen),
    };
    const { next } = decide(from, observationsOf(seen), entry.nowMs);
    const why = differenceOf(entry, from, next);
    if (why !== null) return { documents, differs: { revision: entry.revision, why } };
    documents.push(next);
    head = headOf(next);
    hosts = next.hosts;
  }
  return { documents, differs: null };
}

/** A sandbox may be renamed while its deploy runs; the document takes the name from its row. */
function withNames(hosts: DeployDocument["hosts"], seen: Folded): DeployDocument["hosts"] {
  return hosts.map((host) => {
    const name = seen.sandboxes.get(host.sandboxId)?.facts.name ?? host.name;
    return name === host.name ? host : { ...host, name };
  });
}

function differenceOf(entry: JournalEntry, from: DeployDocument, next: DeployDocument): string | null {
  if (next.revision !== entry.revision) return `made revision ${next.revision}, not ${entry.revision}`;
  if (next.state !== entry.state) return `came to ${next.state}, not ${entry.state}`;
  return resultOf(from, next) === entry.result ? null : `came to ${next.state} with other hosts or another reason`;
}
