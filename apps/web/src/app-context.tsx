import type { ApiClient } from "@valet/contracts";
import { createContext, useContext } from "react";
import type { WebConfig } from "./config.ts";
import type { Socket } from "./live/connection.ts";
import type { SessionToken } from "./session-token.ts";

/** What the whole app is given by main.tsx; tests give their own. */
export interface AppDeps {
  api: ApiClient;
  config: WebConfig;
  token: SessionToken;
  openSocket: (url: string) => Socket;
  /** The API no longer knows us. */
  onSignedOut: () => void;
}

export const AppContext = createContext<AppDeps | null>(null);

export function useApp(): AppDeps {
  const app = useContext(AppContext);
  if (app === null) throw new Error("useApp needs an AppContext above it");
  return app;
}
