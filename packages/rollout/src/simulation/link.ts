import type { SimHost } from "./sim-host.ts";
import type { World } from "./world.ts";

/** How long one message takes on the way between this host and the control plane. */
export function linkDelayMs(world: World, { link }: SimHost): number {
  const jitter = link.jitterMs === 0 ? 0 : Math.floor(world.random.next() * link.jitterMs);
  return 5 + Math.floor(world.random.next() * 40) + link.extraDelayMs + jitter;
}

/** Nothing is wrong with it: what travels is there at once, as far as a scenario of minutes can tell. */
export function isQuick({ link }: SimHost): boolean {
  return link.extraDelayMs === 0 && link.jitterMs === 0;
}
