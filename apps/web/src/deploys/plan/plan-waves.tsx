import type { DeployPlan } from "@valet/contracts";
import { spanWords } from "@valet/ui";

type Wave = DeployPlan["waves"][number];

interface WaveGroup {
  first: number;
  last: number;
  text: string;
  hosts: number;
  sandboxNames: string[];
  bakeMs: number;
  waitsForPromotion: boolean;
}

/** Waves in order; those of one kind in a row are told as one line, so that 1,000 single hosts are not 1,000 lines. */
export function PlanWaves(props: { waves: readonly Wave[] }) {
  const groups = groupWaves(props.waves);
  if (groups.length === 0) return null;
  return (
    <>
      <h3 className="mt-4 font-semibold">Waves</h3>
      <ol aria-label="Waves" className="mt-1 divide-y divide-line border-y border-line">
        {groups.map((group) => (
          <li key={group.first} className="grid gap-x-4 py-1.5 sm:grid-cols-[6rem_minmax(0,1fr)]">
            <span className="font-medium tabular-nums">
              {group.first === group.last ? `Wave ${group.first}` : `Waves ${group.first}–${group.last}`}
            </span>
            <span className="min-w-0">
              {group.text}
              <span className="text-muted">
                {": "}
                {namesText(group)}
                {group.bakeMs > 0 ? `; bakes ${spanWords(group.bakeMs)}` : ""}
                {group.waitsForPromotion ? "; waits for promote" : ""}
              </span>
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}

export function groupWaves(waves: readonly Wave[]): WaveGroup[] {
  const groups: WaveGroup[] = [];
  for (const { wave, ...rest } of waves) {
    const last = groups.at(-1);
    if (last?.text === rest.text && last.bakeMs === rest.bakeMs && last.waitsForPromotion === rest.waitsForPromotion) {
      last.last = wave;
      last.hosts += rest.hosts;
      last.sandboxNames.push(...rest.sandboxNames);
    } else groups.push({ first: wave, last: wave, ...rest, sandboxNames: [...rest.sandboxNames] });
  }
  return groups;
}

const mostNames = 4;

function namesText({ hosts, sandboxNames }: WaveGroup): string {
  const shown = sandboxNames.slice(0, mostNames);
  const more = hosts - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}
