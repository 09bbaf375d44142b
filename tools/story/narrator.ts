/** Tells the story: one line an event, on stdout; on stderr when stdout is for JSON. */
export interface Narrator {
  chapter(title: string): void;
  say(line: string): void;
  warn(line: string): void;
}

export function makeNarrator(
  out: NodeJS.WritableStream & { isTTY?: boolean },
  startedAtMs: number,
  now: () => number,
): Narrator {
  const paint = (code: number, text: string) => (out.isTTY ? `\u001b[${code}m${text}\u001b[0m` : text);
  const stamp = () => paint(90, `${((now() - startedAtMs) / 1000).toFixed(1).padStart(6)}s`);
  return {
    chapter: (title) => void out.write(`\n${stamp()}  ${paint(1, title)}\n`),
    say: (line) => void out.write(`${stamp()}  ${line}\n`),
    warn: (line) => void out.write(`${stamp()}  ${paint(33, line)}\n`),
  };
}
