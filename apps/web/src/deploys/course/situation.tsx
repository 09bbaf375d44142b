import type { DeployView } from "@valet/contracts";
import { Age, ClockTime, Notice, ToneShape } from "@valet/ui";
import { Actor } from "../../lists/actor.tsx";
import { useMe } from "../../me.ts";
import { deployActionLooks } from "../actions/action-looks.ts";
import { offeredActions } from "../actions/offered-actions.ts";

/** What holds a deploy, who approved it, and what a person can do about it. Empty while nothing is asked of anybody. */
export function Situation(props: { deploy: DeployView }) {
  const { deploy } = props;
  return (
    <>
      <Freeze deploy={deploy} />
      <Approvals deploy={deploy} />
      {deploy.warnings.length === 0 ? null : (
        <Notice tone="attention" title="Before it begins">
          <ul>
            {deploy.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </Notice>
      )}
      <Choices deploy={deploy} />
    </>
  );
}

function Freeze({ deploy }: { deploy: DeployView }) {
  const { freeze } = deploy;
  if (freeze === null) {
    return deploy.ignoreFreeze && deploy.endedAt === null ? (
      <Notice tone="attention" title="Freezes do not hold this deploy: an admin said so, or it takes something back." />
    ) : null;
  }
  return (
    <Notice
      tone="attention"
      title={
        <>
          Frozen by “{freeze.name}”{" "}
          {freeze.until === null ? (
            "for longer than a year"
          ) : (
            <>
              until <ClockTime at={freeze.until} />
            </>
          )}
        </>
      }
    >
      <p className="text-muted">
        {deploy.startedAt === null
          ? "It starts by itself when the freeze ends. A rollback is never held."
          : freeze.pauses
            ? "It stands still until then. A rollback is never held."
            : "It is under way and goes on; no other deploy starts until then."}
      </p>
    </Notice>
  );
}

function Approvals({ deploy }: { deploy: DeployView }) {
  const { required, given } = deploy.approvals;
  if (required === 0 && given.length === 0) return null;
  const isWaiting = deploy.state === "awaiting_approval";
  if (!isWaiting && deploy.startedAt !== null) return null;
  const missing = Math.max(isWaiting ? 1 : 0, required - given.length);
  const people = `${missing} more ${missing === 1 ? "person" : "people"}`;
  return (
    <Notice
      tone={missing > 0 ? "attention" : "good"}
      title={missing > 0 ? `Waits for approval by ${people}` : `Approved by ${given.length} of ${required}`}
    >
      <ul aria-label="Approvals">
        {given.map(({ actor, at, reason }) => (
          <li key={actor}>
            <span className="font-medium">
              <Actor actor={actor} />
            </span>{" "}
            approved <Age at={at} />
            {reason === "" ? null : <span className="text-muted">: {reason}</span>}
          </li>
        ))}
      </ul>
      {missing > 0 ? (
        <p className="text-muted">
          Anybody but <Actor actor={deploy.createdBy} />, who asked for it.
        </p>
      ) : null}
    </Notice>
  );
}

/** At a point where a person decides: each choice with what it would do. */
function Choices({ deploy }: { deploy: DeployView }) {
  const me = useMe().data;
  const isDecision = deploy.state === "paused" || deploy.state === "rollback_paused" || deploy.progress.awaitsPromotion;
  if (!isDecision) return null;
  const actions = offeredActions(deploy, me).filter(({ action }) => action !== "pause");
  return (
    <section aria-label="What each choice does" className="panel mt-4 px-4 py-3">
      <h2 className="flex items-baseline gap-1.5 text-sm font-semibold">
        <ToneShape tone="attention" />
        {deploy.state === "paused" || deploy.state === "rollback_paused"
          ? "Paused: a person decides"
          : "A person decides"}
      </h2>
      <dl className="mt-2 grid gap-x-6 gap-y-1 sm:grid-cols-[auto_minmax(0,1fr)]">
        {actions.map(({ action }) => (
          <div key={action} className="sm:contents">
            <dt className="font-medium">{deployActionLooks[action].verb}</dt>
            <dd className="text-muted">{deployActionLooks[action].explain(deploy)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
