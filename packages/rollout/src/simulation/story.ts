import { hash } from "./random.ts";
import type { Script } from "./script.ts";
import { simulate, type Simulated } from "./simulate.ts";

/** One line an event: when, who, what. Digests and ids are shortened, so that people can read it. */
export function lineOf(atMs: number, who: string, what: string): string {
  const seconds = (atMs / 1000).toFixed(3).padStart(9);
  return `${seconds}  ${who.padEnd(10)} ${shorten(what)}`;
}

function shorten(text: string): string {
  return text.replace(
    /sha256:([0-9a-f]{2})([0-9a-f]{6})[0-9a-f]{56}/g,
    (_, first: string, rest: string) => `sha256:${first}${rest}…`,
  );
}

export async function tellStory(script: Script, write: (line: string) => void): Promise<Simulated> {
  write(`seed ${script.seed}: ${script.environment}, ${script.hosts.length} hosts of ${script.hosts[0]?.slots} slots`);
  for (const { tag, behaviour } of script.releases) write(`release ${tag}: ${behaviour}`);
  return simulate(script, { stopAtFirst: true, onLine: (atMs, who, what) => write(lineOf(atMs, who, what)) });
}

/** One number for a whole story: two runs that have the same told the same, line for line. */
export async function storyHash(script: Script): Promise<number> {
  let sum = 0x811c9dc5;
  await simulate(script, { onLine: (atMs, who, what) => void (sum = hash(`${atMs} ${who} ${what}`, sum)) });
  return sum;
}
