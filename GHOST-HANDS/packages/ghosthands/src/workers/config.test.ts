import { describe, expect, it } from "vitest";
import { readWorkerConfig } from "./config.ts";

const secret = "the service's own secret";

describe("the GH worker's configuration", () => {
  it("gives browsers of its environment what they need to run, and no secret", () => {
    const env = { PATH: "/bin", HOME: "/root", GH_SERVICE_SECRET: secret, AWS_SECRET_ACCESS_KEY: secret };
    const { browserEnv } = readWorkerConfig(env);
    expect(browserEnv).toEqual({ PATH: "/bin", HOME: "/root" });
  });

  it.each([
    ["GH_SERVICE_SECRET", { GH_SERVICE_SECRET: "" }],
    ["GH_WORKER_PORT", { GH_WORKER_PORT: "70000" }],
    ["GH_API_URL", { GH_API_URL: "not an address" }],
    ["GH_WORKER_ID", { GH_WORKER_ID: "a b" }],
    ["GH_TARGETED", { GH_TARGETED: "yes" }],
    ["GH_GENERATION", { GH_GENERATION: "-1" }],
    ["MAX_CONCURRENT_JOBS", { MAX_CONCURRENT_JOBS: "0" }],
    ["VALET_LEASE_MS", { VALET_LEASE_MS: "soon" }],
  ])("names %s when it is wrong, without its secrets", (name, wrong) => {
    const read = () => readWorkerConfig({ GH_SERVICE_SECRET: secret, ...wrong });
    expect(read).toThrow(name);
    expect(read).not.toThrow(secret);
  });
});
