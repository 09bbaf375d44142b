export * from "./signing.ts";
