/** What a deploy waits for, in the order it was said, each sentence once. */
export interface WaitingList {
  /** `host`: whose sentence it is; null: the deploy's own. */
  add(host: string | null, sentence: string): void;
  /** For people: of hosts that wait for the same kind of thing, the first few one by one and the rest as a number. */
  toSentences(): string[];
}

/** Of one kind, so many are written out. */
const mostOfAKind = 20;

export function makeWaitingList(): WaitingList {
  const said = new Set<string>();
  const kinds = new Map<string, { pattern: string; sentences: string[]; hosts: number }>();
  return {
    add(host, sentence) {
      const full = host === null ? sentence : `${host}: ${sentence}`;
      if (said.has(full)) return;
      said.add(full);
      // Numbers, times, ids and digests differ from host to host; what is left is the kind.
      const pattern = host === null ? full : sentence.replace(/[0-9a-f]*\d[0-9a-fT:.Z-]*/g, "…");
      const kind = kinds.get(pattern) ?? { pattern, sentences: [], hosts: 0 };
      kinds.set(pattern, kind);
      kind.hosts += 1;
      if (kind.sentences.length < mostOfAKind) kind.sentences.push(full);
    },
    toSentences: () =>
      [...kinds.values()].flatMap(({ pattern, sentences, hosts }) => {
        const more = hosts - sentences.length;
        return more > 0 ? [...sentences, `${more} more hosts: ${pattern}`] : sentences;
      }),
  };
}
