import { setTimeout as sleep } from "node:timers/promises";
import {
  ghCommandsSchema,
  ghConfirmReplySchema,
  type GhCommand,
  type GhFeedEntry,
  type GhInventory,
} from "@valet/contracts";
import { type Secret, deadlineSignal } from "@valet/shared";
import type { Logger } from "pino";
import { z } from "zod";
import { makeChangeSignal } from "../runtime/signal.ts";

/** The link to the GH api: registers, confirms, sends the journal up, takes commands. Survives the api's death. */
export interface Uplink {
  send(entry: GhFeedEntry): void;
  inventoryChanged(): void;
  /** Runs until aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export interface UplinkDeps {
  apiUrl: string;
  serviceSecret: Secret;
  workerId: string;
  bootId: string;
  confirmMs: number;
  logger: Logger;
  inventory: () => GhInventory;
  /** Everything the control plane has not stored yet: a new api has to hear all of it. */
  unacknowledged: () => GhFeedEntry[];
  onDelivered: (entries: readonly GhFeedEntry[]) => void;
  handle: (command: GhCommand) => Promise<void>;
}

const retryMs = 100;
const requestTimeoutMs = 10_000;
const pollMs = 20_000;
const maxEntriesPerPost = 200;

/** The api does not know this worker, or is another process than before: register again. */
class LinkLost extends Error {
  override readonly name = "LinkLost";
}

export function makeUplink(deps: UplinkDeps): Uplink {
  const base = `${deps.apiUrl}/internal/workers`;
  const self = `${base}/${encodeURIComponent(deps.workerId)}`;
  const headers = { "x-gh-service-key": deps.serviceSecret.reveal(), "content-type": "application/json" };
  const entriesCame = makeChangeSignal();
  const inventoryCame = makeChangeSignal();
  let pending: GhFeedEntry[] = [];
  let inventoryRevision = 0;
  let apiBootId = "";
  let cursor = 0;

  async function request<S extends z.ZodType>(
    url: string,
    schema: S,
    init: { body?: unknown; timeoutMs: number; signal: AbortSignal },
  ): Promise<z.output<S>> {
    const response = await fetch(url, {
      headers,
      signal: deadlineSignal(init.timeoutMs, init.signal),
      ...(init.body === undefined ? {} : { method: "POST", body: JSON.stringify(init.body) }),
    });
    if (!response.ok)
      throw new LinkLost(`the GH api answered ${response.status}: ${(await response.text()).slice(0, 300)}`);
    return schema.parse(await response.json());
  }

  async function register(signal: AbortSignal): Promise<void> {
    const body = deps.inventory();
    const reply = await request(`${base}/register`, ghConfirmReplySchema, {
      body,
      timeoutMs: requestTimeoutMs,
      signal,
    });
    if (reply.api_boot_id === apiBootId) return;
    apiBootId = reply.api_boot_id;
    cursor = 0;
    // Questions in hand are asked anew by whoever waits for the answer.
    pending = deps.unacknowledged();
    deps.logger.info({ event: "registered", apiBootId, resent: pending.length });
  }

  async function confirmLoop(signal: AbortSignal): Promise<void> {
    let told = -1;
    while (!signal.aborted) {
      if (told === inventoryRevision) await inventoryCame.wait(deps.confirmMs, signal);
      if (signal.aborted) return;
      told = inventoryRevision;
      const body = deps.inventory();
      await request(`${self}/confirm`, ghConfirmReplySchema, { body, timeoutMs: requestTimeoutMs, signal });
    }
  }

  async function feedLoop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (pending.length === 0) await entriesCame.wait(60_000, signal);
      const entries = pending.slice(0, maxEntriesPerPost);
      if (entries.length === 0) continue;
      const reply = z.object({ api_boot_id: z.string() });
      const { api_boot_id } = await request(`${self}/feed`, reply, {
        body: { entries },
        timeoutMs: requestTimeoutMs,
        signal,
      });
      // Given to a process that never heard of what came before: start over with all of it.
      if (api_boot_id !== apiBootId) throw new LinkLost("the GH api was restarted");
      pending = pending.filter((entry) => !entries.includes(entry));
      deps.onDelivered(entries);
    }
  }

  async function commandLoop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const query = new URLSearchParams({ boot_id: deps.bootId, after: String(cursor), wait_ms: String(pollMs) });
      const reply = await request(`${self}/commands?${query.toString()}`, ghCommandsSchema, {
        timeoutMs: pollMs + requestTimeoutMs,
        signal,
      });
      await Promise.all(reply.commands.map((command) => obey(command)));
      cursor = reply.cursor;
    }
  }

  /** One command that cannot be obeyed must not keep the others from being. */
  async function obey(command: GhCommand): Promise<void> {
    try {
      await deps.handle(command);
    } catch (error) {
      deps.logger.error({ event: "command_failed", type: command.type, error: String(error) });
    }
  }

  return {
    send(entry) {
      pending.push(entry);
      entriesCame.changed();
    },
    inventoryChanged() {
      inventoryRevision += 1;
      inventoryCame.changed();
    },
    async run(signal) {
      let lastFailure = "";
      while (!signal.aborted) {
        const link = new AbortController();
        const linkSignal = AbortSignal.any([signal, link.signal]);
        try {
          await register(linkSignal);
          lastFailure = "";
          await Promise.all([commandLoop(linkSignal), confirmLoop(linkSignal), feedLoop(linkSignal)]);
        } catch (error) {
          if (signal.aborted) return;
          const failure = error instanceof Error ? error.message : String(error);
          if (failure !== lastFailure) deps.logger.warn({ event: "link_lost", reason: failure });
          lastFailure = failure;
        } finally {
          link.abort();
        }
        await sleep(retryMs);
      }
    },
  };
}
