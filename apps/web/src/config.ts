import { z } from "zod";

/** What the build was told. Empty means: the dashboard's own origin. */
const configSchema = z.object({
  /** Origin of the API, `https://valet-api.fly.dev`; default the origin that served the page. */
  VITE_API_URL: z.union([z.literal(""), z.url()]).default(""),
  /** Whole address of the live socket, `wss://…/api/v1/ws`; default derived from VITE_API_URL or the page. */
  VITE_WS_URL: z.union([z.literal(""), z.url()]).default(""),
  /** OAuth client of a Google sign-in. Accepted because the pipeline passes it; the API has no such sign-in, so none is shown. */
  VITE_GOOGLE_CLIENT_ID: z.string().default(""),
});

export interface WebConfig {
  apiUrl: string;
  wsUrl: string;
  googleClientId: string;
}

export function readConfig(env: Record<string, unknown>, pageOrigin: string): WebConfig {
  const parsed = configSchema.parse(env);
  const apiUrl = parsed.VITE_API_URL.replace(/\/+$/, "");
  const wsUrl = parsed.VITE_WS_URL || `${(apiUrl || pageOrigin).replace(/^http/, "ws")}/api/v1/ws`;
  return { apiUrl, wsUrl, googleClientId: parsed.VITE_GOOGLE_CLIENT_ID };
}
