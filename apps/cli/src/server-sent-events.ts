export interface ServerSentEvent {
  /** Cursor to resume behind; null when the server named none. */
  id: string | null;
  event: string;
  data: string;
}

/** A block larger than this is no event of ours. */
const limitCharacters = 10_000_000;

/** Parses a text/event-stream body; comments (the server's pulse) are skipped. */
export async function* serverSentEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of body as unknown as AsyncIterable<Uint8Array>) {
    rest = (rest + decoder.decode(bytes, { stream: true })).replace(/\r\n/g, "\n");
    if (rest.length > limitCharacters) throw new Error(`an event has more than ${limitCharacters} characters`);
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = parseBlock(block);
      if (event) yield event;
    }
  }
}

function parseBlock(block: string): ServerSentEvent | null {
  const parsed: ServerSentEvent = { id: null, event: "message", data: "" };
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const cut = line.indexOf(":");
    if (cut === 0 || line === "") continue;
    const name = cut === -1 ? line : line.slice(0, cut);
    const value = cut === -1 ? "" : line.slice(cut + 1).replace(/^ /, "");
    if (name === "id") parsed.id = value;
    if (name === "event") parsed.event = value;
    if (name === "data") data.push(value);
  }
  return data.length === 0 ? null : { ...parsed, data: data.join("\n") };
}
