import { describe, expect, it } from "vitest";
import { readConfig } from "./config.ts";

describe("readConfig", () => {
  it("stays on its own origin by default", () => {
    expect(readConfig({}, "https://valet.example")).toMatchObject({
      apiUrl: "",
      wsUrl: "wss://valet.example/api/v1/ws",
    });
  });

  it("derives the socket from the API's address, unless that is given too", () => {
    const api = { VITE_API_URL: "https://valet-api.fly.dev/" };
    expect(readConfig(api, "https://web.example")).toMatchObject({
      apiUrl: "https://valet-api.fly.dev",
      wsUrl: "wss://valet-api.fly.dev/api/v1/ws",
    });
    const both = { ...api, VITE_WS_URL: "wss://live.example/api/v1/ws" };
    expect(readConfig(both, "https://web.example").wsUrl).toBe("wss://live.example/api/v1/ws");
  });

  it("refuses an address that is none", () => {
    expect(() => readConfig({ VITE_API_URL: "valet-api" }, "https://web.example")).toThrow(/VITE_API_URL/);
  });
});
