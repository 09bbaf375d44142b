import { env } from "node:process";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defaultClientConditions, defineConfig } from "vite";

/** The dashboard. `vite` serves it with the API of this machine behind it, `vite build` writes dist/. */
export default defineConfig(({ command }) => {
  // A build started by a test runner would inherit its NODE_ENV and ship React's development half.
  if (command === "build") env.NODE_ENV = "production";
  return {
    plugins: [react(), tailwindcss()],
    resolve: { conditions: ["source", ...defaultClientConditions] },
    build: { outDir: "dist", emptyOutDir: true, target: "baseline-widely-available" },
    server: { proxy: { "/api": { target: "http://127.0.0.1:3000", ws: true } } },
  };
});
