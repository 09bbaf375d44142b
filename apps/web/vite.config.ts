import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defaultClientConditions, defineConfig } from "vite";

/** The dashboard. `vite` serves it with the API of this machine behind it, `vite build` writes dist/. */
export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { conditions: ["source", ...defaultClientConditions] },
  build: { outDir: "dist", emptyOutDir: true, target: "baseline-widely-available" },
  server: { proxy: { "/api": { target: "http://127.0.0.1:3000", ws: true } } },
});
