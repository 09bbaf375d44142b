import type { BuildOptions } from "esbuild";

/** Options that the tools which bundle programs share. */
export declare const programOptions: BuildOptions;
