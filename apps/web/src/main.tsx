import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { NowProvider } from "@valet/ui";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { makeApi } from "./api.ts";
import { AppContext, type AppDeps } from "./app-context.tsx";
import { readConfig } from "./config.ts";
import { isSignedOut, isWorthRetrying } from "./failure.ts";
import type { Socket } from "./live/connection.ts";
import { makeAppRouter } from "./router.tsx";
import { makeSessionToken } from "./session-token.ts";
import "./styles.css";

const config = readConfig(import.meta.env, window.location.origin);
const token = makeSessionToken(window.sessionStorage);
const api = makeApi({ baseUrl: config.apiUrl, token });

/** Forgets whom we were and asks for a sign-in, with the way back to this page. */
function onSignedOut() {
  token.write(null);
  const { pathname, search } = window.location;
  if (pathname === "/login") return;
  queryClient.clear();
  void router.navigate({ to: "/login", search: { from: pathname + search } });
}

const queryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error) => {
      if (isSignedOut(error)) onSignedOut();
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      retry: (failures, error) => failures < 2 && isWorthRetrying(error),
      refetchOnWindowFocus: true,
    },
  },
});
const openSocket = (url: string) => new WebSocket(url) as Socket;
const app: AppDeps = { api, config, token, openSocket, onSignedOut };
const router = makeAppRouter();

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <AppContext value={app}>
      <QueryClientProvider client={queryClient}>
        <NowProvider now={Date.now}>
          <RouterProvider router={router} />
        </NowProvider>
      </QueryClientProvider>
    </AppContext>
  </StrictMode>,
);
