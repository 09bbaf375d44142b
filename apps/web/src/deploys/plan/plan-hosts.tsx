import type { PlanHost } from "@valet/contracts";
import { Button, StateMark, type Tone } from "@valet/ui";
import { useState } from "react";
import { IdText } from "../../lists/id-text.tsx";

const looks: Readonly<Record<PlanHost["action"], { word: string; tone: Tone }>> = {
  change: { word: "change", tone: "active" },
  wake: { word: "wake", tone: "good" },
  wait: { word: "wait", tone: "attention" },
  skip: { word: "left out", tone: "quiet" },
};
const shownAtFirst = 12;

/** Per host what would happen and why. Of many hosts a few are written out; the rest on demand, a hundred at a time. */
export function PlanHosts(props: { hosts: readonly PlanHost[] }) {
  const { hosts } = props;
  const [most, setMost] = useState(shownAtFirst);
  return (
    <>
      <h3 className="mt-4 font-semibold">Hosts</h3>
      {hosts.length === 0 ? <p className="text-muted">There is no host here.</p> : null}
      <ol aria-label="Planned hosts" className="mt-1 divide-y divide-line border-y border-line">
        {hosts.slice(0, most).map((host) => (
          <li
            key={host.sandboxId}
            className="grid gap-x-4 py-1.5 sm:grid-cols-[minmax(7rem,1fr)_6rem_minmax(0,3fr)_minmax(10rem,1fr)]"
          >
            <span className="min-w-0 truncate font-medium">
              {host.sandboxName}
              <span className="ml-1.5 font-normal text-muted tabular-nums">
                {host.wave === null ? "" : `wave ${host.wave}`}
              </span>
            </span>
            <StateMark state={looks[host.action].word} tone={looks[host.action].tone} />
            <span className="min-w-0">
              <IdText text={host.text} plain />
              {host.notes.map((note) => (
                <span key={note} className="block text-xs text-attention">
                  <IdText text={note} plain />
                </span>
              ))}
            </span>
            <span className="text-xs text-muted tabular-nums">
              {host.tasks === 0 ? "no task" : `${host.tasks} ${host.tasks === 1 ? "task" : "tasks"}`}
              <span className="block">{memoryText(host)}</span>
            </span>
          </li>
        ))}
      </ol>
      {hosts.length > most ? (
        <Button size="small" className="mt-2" onClick={() => setMost(most + 100)}>
          Show {Math.min(100, hosts.length - most)} more of {hosts.length}
        </Button>
      ) : null}
    </>
  );
}

function memoryText({ memory }: PlanHost): string {
  if (memory === null) return "memory unknown";
  const freeMb = memory.totalMb - memory.usedMb;
  const needed = memory.neededMb === null ? "" : `, needs ${gbText(memory.neededMb)}`;
  return `${gbText(freeMb)} free${needed}`;
}

const gbText = (mb: number): string => (mb < 1024 ? `${Math.round(mb)} MB` : `${(mb / 1024).toFixed(1)} GB`);
