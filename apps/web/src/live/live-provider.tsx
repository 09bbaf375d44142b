import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { systemClock } from "@valet/shared";
import { createContext, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { useApp } from "../app-context.tsx";
import { keys, type Key } from "../query-keys.ts";
import { affectedBy } from "./affected.ts";
import { makeLiveConnection, type LiveConnection } from "./connection.ts";
import type { ConnectionState } from "./connection-state.ts";
import { makeRefresher, type RefreshTarget } from "./refresher.ts";

export interface Live {
  state: ConnectionState;
  retryNow: () => void;
}

export const LiveContext = createContext<Live>({ state: { phase: "stopped" }, retryNow: () => undefined });

export function useLive(): Live {
  return useContext(LiveContext);
}

/** How often to ask by ourselves: rarely while events come, often while they cannot. */
export function useFallbackIntervalMs(): number {
  return useLive().state.phase === "open" ? 30_000 : 5_000;
}

/** Holds the live connection while somebody is signed in, and reloads what its events make stale. */
export function LiveProvider(props: { children: ReactNode }) {
  const { config, token, openSocket, onSignedOut } = useApp();
  const queryClient = useQueryClient();
  const connection = useRef<LiveConnection | null>(null);
  const [state, setState] = useState<ConnectionState>({ phase: "connecting", attempt: 0 });

  useEffect(() => {
    const refresher = makeRefresher(targetOf(queryClient), systemClock);
    const opened = makeLiveConnection(
      { open: openSocket, clock: systemClock, random: Math.random },
      {
        url: config.wsUrl,
        token: () => token.read(),
        onEvent: (event) => refresher.mark(affectedBy(event)),
        onGap: () => refresher.mark([keys.all]),
        onState: setState,
      },
    );
    const retry = () => opened.retryNow();
    connection.current = opened;
    opened.start();
    window.addEventListener("online", retry);
    return () => {
      window.removeEventListener("online", retry);
      opened.stop();
      refresher.stop();
    };
  }, [config.wsUrl, openSocket, queryClient, token]);

  const isDenied = state.phase === "denied";
  useEffect(() => {
    if (isDenied) onSignedOut();
  }, [isDenied, onSignedOut]);

  const live = useMemo<Live>(() => ({ state, retryNow: () => connection.current?.retryNow() }), [state]);
  return <LiveContext value={live}>{props.children}</LiveContext>;
}

function targetOf(queryClient: QueryClient): RefreshTarget {
  return {
    isLoading: (key: Key) => queryClient.isFetching({ queryKey: key }) > 0,
    reload: (key: Key) => void queryClient.invalidateQueries({ queryKey: key }, { cancelRefetch: false }),
  };
}
