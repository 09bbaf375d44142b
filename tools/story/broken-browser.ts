import type { SourcePatch } from "../local-stack/source-patches.ts";

/**
 * The mistake in the story's third release: it looks for its browser inside its own image, and nobody put one there. The
 * release is really built with it; nothing else knows.
 */
export const brokenBrowserPatch: SourcePatch = {
  file: "GHOST-HANDS/packages/ghosthands/src/workers/browser.ts",
  replace: "executablePath: options.browserPath,",
  with: 'executablePath: new URL("./chromium/chrome", import.meta.url).pathname,',
};
