/** One server-sent event. `id` is the cursor to go on from. */
export interface SentEvent {
  id: string | null;
  type: string;
  data: string;
}

/**
 * Takes a text stream apart into events, whatever way the network cut it into pieces. Our own reader, because EventSource
 * sends no Authorization header.
 */
export function makeEventParser(onEvent: (event: SentEvent) => void): (piece: string) => void {
  let rest = "";
  let id: string | null = null;
  let type = "message";
  let data: string[] = [];

  const onLine = (line: string) => {
    if (line === "") {
      if (data.length > 0) onEvent({ id, type, data: data.join("\n") });
      type = "message";
      data = [];
      return;
    }
    if (line.startsWith(":")) return;
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") id = value;
    else if (field === "event") type = value;
    else if (field === "data") data.push(value);
  };
  return (piece) => {
    const lines = (rest + piece).split(/\r?\n/);
    rest = lines.pop() ?? "";
    lines.forEach(onLine);
  };
}
