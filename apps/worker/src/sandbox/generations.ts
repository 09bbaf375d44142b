import type { Clock, Secret } from "@valet/shared";
import { makeBackoff } from "../backoff.ts";
import { type Bell, ignoreAbort, makeBell } from "../bell.ts";
import type { Log } from "../log.ts";
import { type AgentGenerationView, fetchGenerations } from "./agent-api.ts";
import type { GenerationView } from "./generation-view.ts";
import { type Feed, type GhApi, makeGhApi } from "./gh-api.ts";

/** One generation on this host with its GH api and what was last seen of it. */
export interface LiveGeneration {
  readonly number: number;
  readonly api: GhApi;
  readonly view: GenerationView;
}
/** Which generations run here, kept in step with the agent; one feed long-poll each. */
export interface Generations {
  get(number: number): LiveGeneration | undefined;
  live(): LiveGeneration[];
  /** Every generation that the agent names, ended ones too. */
  views(): GenerationView[];
  isAgentReachable(): boolean;
  run(): Promise<void>;
}

export interface GenerationsDeps {
  agentUrl: string;
  serviceSecret: Secret;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
  confirmMs: () => number;
  /** False: the relay is full, entries are left with the GH api for now. */
  hasRoom: () => boolean;
  /** A feed answered. */
  onFeed: (generation: LiveGeneration, feed: Feed) => void;
  /** Anything about any generation may have changed. */
  onChange: () => void;
}

const pollMs = 1_000;

export function makeGenerations(deps: GenerationsDeps): Generations {
  const { clock, log, signal } = deps;
  const bell: Bell = makeBell(clock);
  const following = new Map<number, LiveGeneration & { url: string; stop: AbortController; done: Promise<void> }>();
  let ended: AgentGenerationView[] = [];
  let agentReachable = false;
  let hasFailed = false;

  const follow = (agent: AgentGenerationView) => {
    const url = ghApiUrl(deps.agentUrl, agent.apiPort);
    const view: GenerationView = {
      agent,
      isReachable: false,
      apiBootId: "",
      inventory: null,
      confirmedAtMonoMs: Number.NEGATIVE_INFINITY,
      notReadyBeforeMonoMs: new Map(),
    };
    const generation = { number: agent.generation, api: makeGhApi(url, deps.serviceSecret), view };
    const stop = new AbortController();
    const done = followFeed(deps, generation, stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted)
        log.error({ event: "feed_loop_ended", generation: agent.generation, reason: String(error) });
    });
    following.set(agent.generation, { ...generation, url, stop, done });
  };
  const take = (list: AgentGenerationView[]) => {
    ended = list.filter(({ state }) => state === "ended");
    const live = list.filter(({ state }) => state !== "ended");
    for (const [number, followed] of following) {
      const agent = live.find(({ generation }) => generation === number);
      if (agent && ghApiUrl(deps.agentUrl, agent.apiPort) === followed.url) {
        followed.view.agent = agent;
        continue;
      }
      followed.stop.abort();
      following.delete(number);
    }
    for (const agent of live) if (!following.has(agent.generation)) follow(agent);
  };
  return {
    get: (number) => following.get(number),
    live: () => [...following.values()],
    views: () => [
      ...[...following.values()].map(({ view }) => view),
      ...ended.map((agent) => ({
        agent,
        isReachable: false,
        apiBootId: "",
        inventory: null,
        confirmedAtMonoMs: Number.NEGATIVE_INFINITY,
        notReadyBeforeMonoMs: new Map<number, number>(),
      })),
    ],
    isAgentReachable: () => agentReachable,
    async run() {
      while (!signal.aborted) {
        const answer = await fetchGenerations(deps.agentUrl, signal);
        agentReachable = answer.ok;
        // An agent that does not answer changes nothing: what ran here is taken to run still.
        if (answer.ok) take(answer.value);
        else if (!hasFailed) log.warn({ event: "agent_unreachable", reason: answer.error.message });
        hasFailed = !answer.ok;
        deps.onChange();
        await bell.wait(pollMs, signal);
      }
      for (const followed of following.values()) followed.stop.abort();
      await Promise.all([...following.values()].map(({ done }) => done));
    },
  };
}

/** GH apis listen on the agent's address, each generation on a port of its own. */
function ghApiUrl(agentUrl: string, port: number): string {
  return `http://${new URL(agentUrl).hostname}:${port}`;
}

async function followFeed(deps: GenerationsDeps, generation: LiveGeneration, stop: AbortSignal): Promise<void> {
  const { clock, log } = deps;
  const { view, api, number } = generation;
  const backoff = makeBackoff(50, 1_000);
  let cursor = 0;
  while (!stop.aborted && !deps.signal.aborted) {
    // The first question is answered at once; with a full relay only the inventory is of interest.
    const waitMs = view.apiBootId === "" || !deps.hasRoom() ? 0 : deps.confirmMs();
    const answer = await api.feed({ cursor, apiBootId: view.apiBootId, waitMs }, stop);
    if (stop.aborted) return;
    if (!answer.ok) {
      if (view.isReachable || backoff.failures === 0)
        log.warn({ event: "gh_api_unreachable", generation: number, reason: answer.error.message });
      view.isReachable = false;
      deps.onChange();
      await clock.sleep(backoff.next(), stop).catch(ignoreAbort);
      continue;
    }
    const feed = answer.value;
    const sameBoot = feed.apiBootId === view.apiBootId;
    see(view, feed, clock.monotonicMs());
    if (!view.isReachable) await clock.sleep(backoff.next(), stop).catch(ignoreAbort);
    else backoff.reset();
    if (deps.hasRoom()) {
      // A GH api that knows no boot ids would answer a new boot's cursor from the middle: ask it again from the start.
      cursor = sameBoot || cursor === 0 ? feed.cursor : 0;
      deps.onFeed(generation, feed);
    } else await clock.sleep(deps.confirmMs(), stop).catch(ignoreAbort);
    deps.onChange();
  }
}

function see(view: GenerationView, feed: Feed, nowMonoMs: number): void {
  view.apiBootId = feed.apiBootId;
  const freshest = feed.workers.toSorted((a, b) => a.confirmed_ago_ms - b.confirmed_ago_ms)[0];
  view.isReachable = freshest !== undefined;
  if (!freshest) return;
  view.inventory = freshest;
  view.confirmedAtMonoMs = nowMonoMs - freshest.confirmed_ago_ms;
}
