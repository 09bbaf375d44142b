import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { cleanup, configure, render } from "@testing-library/react";
import type { LiveEvent } from "@valet/contracts";
import { NowProvider } from "@valet/ui";
import { makeApi } from "../api.ts";
import { AppContext, type AppDeps } from "../app-context.tsx";
import { readConfig } from "../config.ts";
import { makeAppRouter } from "../router.tsx";
import { makeSessionToken } from "../session-token.ts";
import { makeFixtureApi, type FixtureOptions } from "./fixture-api.ts";
import { makeFakeSocket } from "./fake-socket.ts";
import { makeFixtureFetch } from "./fixture-fetch.ts";

// How long a test waits for what it expects: a busy machine needs more than the default second.
configure({ asyncUtilTimeout: 15_000 });

export const fixtureNowMs = Date.parse("2026-03-01T12:00:00Z");

/** The whole dashboard at an address, over the pretended API; `socket` is its live connection, already open. */
export async function renderApp(path: string, options: Partial<FixtureOptions> = {}) {
  cleanup();
  window.sessionStorage.clear();
  const scene: FixtureOptions = { nowMs: fixtureNowMs, ...options };
  const socket = makeFakeSocket();
  const emit = (event: LiveEvent) => socket.onmessage?.({ data: JSON.stringify(event) });
  const fixtureFetch = makeFixtureFetch(makeFixtureApi(scene, emit));
  const token = makeSessionToken(window.sessionStorage);
  const app: AppDeps = {
    api: makeApi({ baseUrl: "", token, fetch: fixtureFetch }),
    config: readConfig({}, "http://dashboard.test"),
    token,
    openSocket: () => socket,
    onSignedOut: () => undefined,
  };
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const router = makeAppRouter({ history: createMemoryHistory({ initialEntries: [path] }) });
  const view = render(
    <AppContext value={app}>
      <QueryClientProvider client={queryClient}>
        <NowProvider now={() => fixtureNowMs} everyMs={3_600_000}>
          <RouterProvider router={router} />
        </NowProvider>
      </QueryClientProvider>
    </AppContext>,
  );
  await router.load();
  const breakLists = () => {
    scene.scene = "broken";
  };
  return { view, router, socket, emit, breakLists, asked: fixtureFetch.asked };
}
