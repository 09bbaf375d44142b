import { Link } from "@tanstack/react-router";
import type { SandboxView } from "@valet/contracts";
import { Age, generationTones, sandboxTones, shortDigest, SlotCells, StateMark, ToneShape, words } from "@valet/ui";
import { CordonButton } from "./cordon-button.tsx";
import { IdText } from "../lists/id-text.tsx";

/** One sandbox: who it is, how it is, its slots, and the generations behind them. */
export function SandboxRow(props: { sandbox: SandboxView }) {
  const { sandbox } = props;
  return (
    <article
      aria-label={sandbox.name}
      tabIndex={-1}
      data-row=""
      className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-6 gap-y-3 px-4 py-3 md:grid-cols-[minmax(8rem,1fr)_minmax(11rem,1.4fr)_minmax(8rem,1.4fr)_minmax(15rem,1.9fr)_5.5rem]"
    >
      <div className="order-1 min-w-0 md:order-none">
        <h2 className="truncate text-base font-semibold">{sandbox.name}</h2>
        <p className="truncate text-xs text-muted">
          {sandbox.environment}, {sandbox.publicIp}
        </p>
      </div>
      <Condition sandbox={sandbox} />
      <div className="order-4 col-span-2 min-w-0 md:order-none md:col-span-1">
        <SlotCells
          slots={sandbox.slots}
          newestGeneration={newestGeneration(sandbox)}
          wrap={(slot, cell, name) => (
            <Link to="/tasks/$taskId" params={{ taskId: slot.taskId ?? "" }} aria-label={name} title={name}>
              {cell}
            </Link>
          )}
        />
        <p className="mt-1.5 text-xs text-muted tabular-nums">
          {sandbox.activeTaskCount === 0
            ? "no active task"
            : `${sandbox.activeTaskCount} active ${sandbox.activeTaskCount === 1 ? "task" : "tasks"}`}
        </p>
      </div>
      <Generations sandbox={sandbox} />
      <CordonButton sandbox={sandbox} />
    </article>
  );
}

/** State, reachability and cordons: three things that are not each other. */
function Condition(props: { sandbox: SandboxView }) {
  const { sandbox } = props;
  return (
    <div className="order-3 col-span-2 min-w-0 text-xs text-muted md:order-none md:col-span-1">
      <p className="flex flex-wrap items-center gap-x-3 text-ink">
        <StateMark state={sandbox.state} tone={sandboxTones[sandbox.state]} />
        {sandbox.pinnedTo === null ? null : <StateMark state={`pinned to ${sandbox.pinnedTo}`} tone="attention" />}
        {sandbox.drift === null ? null : <StateMark state="drifted" tone="bad" />}
        {sandbox.quarantined ? <StateMark state="quarantined" tone="attention" /> : null}
      </p>
      {sandbox.stateReason !== "" && sandbox.state !== "active" ? (
        <p>
          <IdText text={sandbox.stateReason} />
        </p>
      ) : null}
      {sandbox.pinnedTo === null ? null : <p>Somebody put it there by hand; no deploy takes it back by itself.</p>}
      <p>
        {sandbox.reachable ? (
          sandbox.sessionLive ? (
            "reachable, session live"
          ) : (
            "reachable, no session"
          )
        ) : (
          <span className="inline-flex items-baseline gap-1.5 font-medium text-ink">
            <ToneShape tone="bad" sizePx={10} />
            unreachable
          </span>
        )}
        {sandbox.lastSeenAt !== null && !(sandbox.reachable && sandbox.sessionLive) ? (
          <>
            , seen <Age at={sandbox.lastSeenAt} />
          </>
        ) : null}
      </p>
      {sandbox.cordons.map((cordon) => (
        <p key={`${cordon.holderKind}:${cordon.holderId}`} className="mt-0.5 flex items-baseline gap-1.5">
          <ToneShape tone="attention" sizePx={10} />
          <span className="min-w-0">
            <span className="font-medium text-ink">
              Cordoned by {cordon.holderKind}
              {cordon.holderKind === "operator" ? ` ${cordon.holderId}` : ""}
            </span>
            {cordon.reason ? ": " : ""}
            <IdText text={cordon.reason} />, <Age at={cordon.since} />
          </span>
        </p>
      ))}
    </div>
  );
}

function Generations(props: { sandbox: SandboxView }) {
  const alive = props.sandbox.generations.filter((generation) => generation.state !== "ended");
  if (alive.length === 0)
    return (
      <p className="order-5 col-span-2 text-xs text-muted md:order-none md:col-span-1">No generation runs here.</p>
    );
  return (
    <ul aria-label="Generations" className="order-5 col-span-2 min-w-0 space-y-1 md:order-none md:col-span-1">
      {[...alive]
        .sort((a, b) => b.generation - a.generation)
        .map((generation) => (
          <li
            key={generation.generation}
            className="grid grid-cols-[2.25rem_5.5rem_minmax(0,1fr)] items-baseline gap-x-2"
          >
            <span className="font-medium tabular-nums">g{generation.generation}</span>
            <StateMark state={words(generation.state)} tone={generationTones[generation.state]} />
            <span className="min-w-0 truncate" title={generation.releaseDigest}>
              {generation.releaseTag}{" "}
              <code className="font-mono text-xs text-muted">{shortDigest(generation.releaseDigest)}</code>
              {generation.spareReady ? <span className="block text-xs text-muted">spare ready</span> : null}
              {props.sandbox.reachable ? null : (
                <span className="block text-xs text-muted">
                  as it was <Age at={generation.lastReportedAt} />
                </span>
              )}
            </span>
          </li>
        ))}
    </ul>
  );
}

export function newestGeneration(sandbox: SandboxView): number | null {
  const numbers = sandbox.generations.filter(({ state }) => state !== "ended").map(({ generation }) => generation);
  return numbers.length === 0 ? null : Math.max(...numbers);
}
