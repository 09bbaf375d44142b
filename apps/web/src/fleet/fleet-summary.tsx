import type { SandboxView } from "@valet/contracts";
import { slotStates, type SlotState } from "@valet/shared";
import { ToneShape } from "@valet/ui";

export interface FleetCounts {
  slots: Readonly<Record<SlotState, number>>;
  slotsTotal: number;
  unreachable: number;
  cordoned: number;
  unhealthy: number;
  drifted: number;
  pinned: number;
}

export function countFleet(sandboxes: readonly SandboxView[]): FleetCounts {
  const slots: Record<SlotState, number> = { offline: 0, accepting: 0, reserved: 0, occupied: 0, renewing: 0 };
  for (const sandbox of sandboxes) for (const slot of sandbox.slots) slots[slot.state] += 1;
  return {
    slots,
    slotsTotal: slotStates.reduce((sum, state) => sum + slots[state], 0),
    unreachable: sandboxes.filter((sandbox) => !sandbox.reachable).length,
    cordoned: sandboxes.filter((sandbox) => sandbox.cordons.length > 0).length,
    unhealthy: sandboxes.filter((sandbox) => sandbox.state === "unhealthy").length,
    drifted: sandboxes.filter((sandbox) => sandbox.drift !== null).length,
    pinned: sandboxes.filter((sandbox) => sandbox.pinnedTo !== null).length,
  };
}

/** One line that says how the fleet is: how much of it works, how much is free, and what is not as it should be. */
export function FleetSummary(props: { sandboxes: readonly SandboxView[]; total: number }) {
  const counts = countFleet(props.sandboxes);
  const troubles = [
    counts.unhealthy > 0 ? `${counts.unhealthy} unhealthy` : null,
    counts.unreachable > 0 ? `${counts.unreachable} unreachable` : null,
    counts.drifted > 0 ? `${counts.drifted} drifted` : null,
    counts.pinned > 0 ? `${counts.pinned} pinned by hand` : null,
    counts.cordoned > 0 ? `${counts.cordoned} cordoned` : null,
  ].filter((text) => text !== null);
  const shown =
    props.sandboxes.length < props.total ? `${props.sandboxes.length} of ${props.total}` : String(props.total);
  const busy = counts.slots.occupied + counts.slots.reserved;
  return (
    <p className="mb-3 flex flex-wrap gap-x-5 gap-y-1 text-sm text-muted tabular-nums">
      <span>
        <strong className="font-semibold text-ink">{shown}</strong> {props.total === 1 ? "sandbox" : "sandboxes"}
      </span>
      <span>
        <strong className="font-semibold text-ink">{counts.slotsTotal}</strong> slots: {busy} busy,{" "}
        {counts.slots.accepting} free
        {counts.slots.renewing > 0 ? `, ${counts.slots.renewing} renewing` : ""}
        {counts.slots.offline > 0 ? `, ${counts.slots.offline} offline` : ""}
      </span>
      {troubles.length > 0 ? (
        <span className="flex items-baseline gap-1.5 text-ink">
          <ToneShape tone="attention" />
          {troubles.join(", ")}
        </span>
      ) : null}
    </p>
  );
}
