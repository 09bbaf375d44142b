export { type ApiDeps, buildApp } from "./app.ts";
export { type ApiConfig, readConfig } from "./config.ts";
