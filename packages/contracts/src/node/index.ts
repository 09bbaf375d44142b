export * from "./signing.ts";
export * from "./seal.ts";
export * from "./attest.ts";
export * from "./private-address.ts";
export * from "./rollout-yaml.ts";
