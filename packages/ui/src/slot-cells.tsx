import type { SlotState } from "@valet/shared";
import type { ReactNode } from "react";

export interface SlotLook {
  index: number;
  state: SlotState;
  generation: number | null;
  taskId: string | null;
}

const looks: Readonly<Record<SlotState, string>> = {
  accepting: "slot-solid bg-surface",
  reserved: "slot-dashed bg-surface",
  occupied: "slot-solid slot-full",
  renewing: "slot-solid slot-striped",
  offline: "slot-dotted bg-transparent text-faint",
};

const meanings: Readonly<Record<SlotState, string>> = {
  accepting: "free, takes the next task",
  reserved: "a task was given to it and is not acknowledged yet",
  occupied: "runs a task",
  renewing: "its clean browser is being made",
  offline: "takes no work",
};

/** The name of a slot for screen readers and tooltips. */
export function slotName(slot: SlotLook): string {
  const generation = slot.generation === null ? "no generation" : `generation ${slot.generation}`;
  return `Slot ${slot.index}: ${slot.state}, ${generation}${slot.taskId === null ? "" : `, task ${slot.taskId.slice(0, 8)}`}`;
}

/**
 * The slots of a sandbox, one small cell each. The border and filling tell the state, the number in it the generation,
 * the colour whether that is the newest one. `wrap` makes a link of a cell that has a task.
 */
export function SlotCells(props: {
  slots: readonly SlotLook[];
  newestGeneration: number | null;
  wrap?: (slot: SlotLook, cell: ReactNode, name: string) => ReactNode;
}) {
  return (
    <ul className="flex flex-wrap gap-1" aria-label="Slots">
      {props.slots.map((slot) => {
        const name = slotName(slot);
        const cell = (
          <SlotCell slot={slot} newest={slot.generation !== null && slot.generation === props.newestGeneration} />
        );
        const linked = slot.taskId === null ? undefined : props.wrap?.(slot, cell, name);
        return (
          <li key={slot.index} className="flex" title={linked === undefined ? name : undefined}>
            {linked ?? (
              <>
                {cell}
                <span className="sr-only">{name}</span>
              </>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function SlotCell(props: { slot: SlotLook; newest: boolean }) {
  const { slot } = props;
  return (
    <span aria-hidden="true" className={`slot ${props.newest ? "slot-newest" : "slot-older"} ${looks[slot.state]}`}>
      {slot.generation ?? "–"}
    </span>
  );
}

/** What the cells mean. */
export function SlotLegend() {
  const states: readonly SlotState[] = ["accepting", "reserved", "occupied", "renewing", "offline"];
  return (
    <ul className="flex flex-wrap gap-x-4 gap-y-1.5 text-xs text-muted" aria-label="What the slot cells mean">
      {states.map((state) => (
        <li key={state} className="flex items-center gap-1.5" title={meanings[state]}>
          <span aria-hidden="true" className={`slot slot-small slot-newest ${looks[state]}`} />
          {state}
        </li>
      ))}
      <li className="flex items-center gap-1.5">
        <span aria-hidden="true" className="slot slot-small slot-older slot-solid slot-full" />
        older generation
      </li>
    </ul>
  );
}
