export * from "./signing.ts";
export * from "./seal.ts";
