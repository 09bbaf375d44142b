export { makeApp, type ApiDeps } from "./api/app.ts";
