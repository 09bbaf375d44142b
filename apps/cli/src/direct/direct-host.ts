import { isIP } from "node:net";
import { usageFailure } from "../failure.ts";

/** One host as it is spoken to past the API. */
export interface DirectHost {
  /** null until its own signed answer says which it is. */
  sandboxId: string | null;
  name: string;
  address: string;
  agentPort: number;
}

const defaultPort = 8000;

export function agentUrlOf({ address, agentPort }: Pick<DirectHost, "address" | "agentPort">): string {
  return `http://${isIP(address) === 6 ? `[${address}]` : address}:${agentPort}`;
}

/** True for `10.0.0.7`, `10.0.0.7:8000` and `[::1]:8000`: a place, not a name. */
export function isPlace(text: string): boolean {
  return /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]+\])(?::\d{1,5})?$/i.test(text);
}

/** `address[:port] [name] [sandbox id]`. Throws a usage failure that says where the line came from. */
export function hostOfLine(line: string, from: string): DirectHost {
  const [place = "", name, sandboxId, ...rest] = line.trim().split(/\s+/);
  const match = /^(\[[0-9a-f:]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?$/i.exec(place);
  const isId = sandboxId === undefined || /^[0-9a-f-]{36}$/i.test(sandboxId);
  if (!match || rest.length > 0 || !isId || Number(match[2] ?? defaultPort) > 65_535) {
    throw usageFailure(`${from}: "${line.trim()}" is no host`, "Write ADDRESS[:PORT] [NAME] [SANDBOX ID].");
  }
  const address = (match[1] ?? "").replace(/^\[|\]$/g, "");
  return {
    sandboxId: sandboxId ?? null,
    name: name ?? place,
    address,
    agentPort: Number(match[2] ?? defaultPort),
  };
}

/** Comma or blank separated addresses, as SANDBOX_IPS and EC2_IP_* hold them. */
export function hostsOfList(text: string, from: string): DirectHost[] {
  return text
    .split(/[\s,]+/)
    .filter((part) => part !== "")
    .map((part) => hostOfLine(part, from));
}
