import { Link } from "@tanstack/react-router";
import { ClockTime, durationWords, shortDigest, words } from "@valet/ui";
import type { ReactNode } from "react";
import { Actor } from "./actor.tsx";

export type TextPart =
  | { kind: "text"; text: string }
  | { kind: "task" | "deploy" | "id"; id: string }
  | { kind: "digest"; digest: string }
  | { kind: "time"; at: string }
  | { kind: "actor"; actor: string };

const special =
  /([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|(sha256:[0-9a-f]{64})|(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)|(\b(?:client|viewer|operator|admin):[\w.@-]+\/[\w.@-]+)/g;

/**
 * Takes a sentence of the engine apart at its ids, digests, times and people. What an id names is told by the last of the words task, tasks and
 * deploy before it.
 */
export function textParts(sentence: string): TextPart[] {
  const parts: TextPart[] = [];
  let at = 0;
  for (const match of sentence.matchAll(special)) {
    if (match.index > at) parts.push({ kind: "text", text: readable(sentence.slice(at, match.index)) });
    const [whole, id, digest, time, actor] = match;
    if (digest !== undefined) parts.push({ kind: "digest", digest });
    else if (time !== undefined) parts.push({ kind: "time", at: time });
    else if (actor !== undefined) parts.push({ kind: "actor", actor });
    else if (id !== undefined) parts.push({ kind: kindBefore(sentence.slice(0, match.index)), id });
    at = match.index + whole.length;
  }
  if (at < sentence.length) parts.push({ kind: "text", text: readable(sentence.slice(at)) });
  return parts;
}

function kindBefore(text: string): "task" | "deploy" | "id" {
  const named = [...text.matchAll(/\b(tasks?|deploy|sandbox|slot)\b/gi)].at(-1)?.[1]?.toLowerCase();
  if (named === "task" || named === "tasks") return "task";
  return named === "deploy" ? "deploy" : "id";
}

/** `handing_over -> updated` and `600000 ms` as people write them. */
function readable(text: string): string {
  return text
    .replace(/(\w+) -> (\w+)/g, (_, from: string, to: string) => `${words(from)} → ${words(to)}`)
    .replace(/\b(\d{4,}) ms\b/g, (_, ms: string) => durationWords(Number(ms)));
}

/** A sentence with short ids and digests; what is a task or a deploy is a link, unless the sentence stands in one (`plain`). */
export function IdText(props: { text: string; plain?: boolean }) {
  return textParts(props.text).map((part, index) => <Part key={index} part={part} plain={props.plain === true} />);
}

function Part({ part, plain }: { part: TextPart; plain: boolean }): ReactNode {
  if (part.kind === "text") return part.text;
  if (part.kind === "time") return <ClockTime at={part.at} />;
  if (part.kind === "actor") return <Actor actor={part.actor} />;
  if (part.kind === "digest") {
    return (
      <code title={part.digest} className="font-mono text-xs">
        {shortDigest(part.digest)}
      </code>
    );
  }
  const short = <code className="font-mono text-xs">{part.id.slice(0, 8)}</code>;
  if (plain || part.kind === "id") return <span title={part.id}>{short}</span>;
  return part.kind === "task" ? (
    <Link to="/tasks/$taskId" params={{ taskId: part.id }} title={part.id} className="text-link">
      {short}
    </Link>
  ) : (
    <Link to="/deploys/$deployId" params={{ deployId: part.id }} title={part.id} className="text-link">
      {short}
    </Link>
  );
}
