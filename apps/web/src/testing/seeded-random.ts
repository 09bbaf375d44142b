/** The same numbers on every run (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A uuid that says what it names: kind 1 a sandbox, 2 a task, 3 a deploy, 4 an artifact. */
export function fixtureId(kind: 1 | 2 | 3 | 4, number: number): string {
  const scattered = (Math.imul(number + 1, 2_654_435_761) >>> 0).toString(16).padStart(8, "0");
  return `${scattered}-0000-4000-800${kind}-${String(number).padStart(12, "0")}`;
}

export function fixtureDigest(number: number): string {
  const random = seededRandom(number + 77);
  return `sha256:${Array.from({ length: 64 }, () => Math.floor(random() * 16).toString(16)).join("")}`;
}
