import { describe, expect, it } from "vitest";
import { readConfig } from "./config.ts";

const env = {
  VALET_SANDBOX_ID: "0b0e7f52-3a6e-4c56-9d0a-000000000001",
  VALET_AGENT_KEY: "0123456789abcdef",
  VALET_REGISTRY_URL: "http://127.0.0.1:5000",
  GH_SERVICE_SECRET: "secret",
};

describe("the agent's configuration", () => {
  it("has the documented ports, and generations on loopback when it listens everywhere", () => {
    const config = readConfig(env);
    expect(config).toMatchObject({
      listenHost: "0.0.0.0",
      port: 8000,
      frontApiPort: 3100,
      frontWorkerPort: 3101,
      onExit: "leave",
    });
    expect(config.host).toMatchObject({
      host: "127.0.0.1",
      probeUrl: "http://127.0.0.1:8000/probe",
      stopGraceMs: 35_000,
    });
  });

  it("a loopback address of its own is everybody's on that sandbox", () => {
    const { host } = readConfig({ ...env, VALET_AGENT_HOST: "127.0.0.11" });
    expect(host).toMatchObject({ host: "127.0.0.11", probeUrl: "http://127.0.0.11:8000/probe" });
  });

  it("passes on to children only what a process needs to run at all", () => {
    const { host } = readConfig({
      ...env,
      PATH: "/bin",
      VALET_SANDBOX_TOKEN: "secret",
      AWS_SECRET_ACCESS_KEY: "secret",
    });
    expect(host.baseEnv).toEqual({ PATH: "/bin" });
  });

  it("names every bad variable, and prints no secret", () => {
    expect(() => readConfig({ VALET_AGENT_PORT: "many", VALET_RUNTIME: "docker" })).toThrow(
      /VALET_AGENT_PORT.*VALET_SANDBOX_ID.*VALET_AGENT_KEY.*VALET_RUNTIME: this build runs generations as processes/,
    );
    expect(JSON.stringify(readConfig(env))).not.toContain("0123456789abcdef");
  });
});
