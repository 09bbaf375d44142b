import type { SlotPlan } from "@valet/contracts";
import type { Clock } from "@valet/shared";
import type { Log } from "../log.ts";
import type { Commands } from "./commands.ts";
import { desiredSlots } from "./desired-slots.ts";
import { browsersOf } from "./generation-view.ts";
import type { Generations } from "./generations.ts";

/** Tells each GH worker which slots are its own, whenever the plan, a generation or a boot changes, and at each heartbeat. */
export interface SlotKeeper {
  accept(plan: SlotPlan): void;
  planRevision(): number;
  /** Sends what differs from what was last sent; with `repeat` everything. */
  apply(repeat?: boolean): void;
}

export function makeSlotKeeper(deps: {
  generations: Pick<Generations, "live">;
  commands: Commands;
  clock: Clock;
  log: Log;
  usableForMs: () => number;
}): SlotKeeper {
  let plan: SlotPlan | null = null;
  const sent = new Map<number, string>();
  const keeper: SlotKeeper = {
    accept(newer) {
      if (plan && newer.revision < plan.revision) return;
      const isNews = newer.revision !== plan?.revision;
      plan = newer;
      if (isNews) keeper.apply();
    },
    planRevision: () => plan?.revision ?? -1,
    apply(repeat = false) {
      const live = deps.generations.live();
      const desired = desiredSlots(
        plan,
        live.map(({ view }) => browsersOf(view)),
      );
      for (const { number, view } of live) {
        const wish = desired.get(number);
        // Without a GH worker there is nobody to tell; it is told once it is there.
        if (!wish || !view.inventory) continue;
        const mark = JSON.stringify([wish, view.inventory.boot_id, view.apiBootId]);
        if (!repeat && sent.get(number) === mark) continue;
        if (sent.get(number) !== mark) deps.log.info({ event: "slots_wanted", generation: number, ...wish });
        sent.set(number, mark);
        deps.commands.send(number, { type: "slots", ...wish }, deps.usableForMs());
      }
      for (const number of sent.keys()) if (!live.some((other) => other.number === number)) sent.delete(number);
    },
  };
  return keeper;
}
