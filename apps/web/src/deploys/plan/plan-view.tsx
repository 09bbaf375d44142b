import type { DeployPlan, PlanBlocker } from "@valet/contracts";
import { ClockTime, durationWords, Figure, Release, ToneShape } from "@valet/ui";
import { IdText } from "../../lists/id-text.tsx";
import { PlanHosts } from "./plan-hosts.tsx";
import { PlanRisks } from "./plan-risks.tsx";
import { PlanWaves } from "./plan-waves.tsx";

type Eta = DeployPlan["eta"]["lastOldTaskEnded"];

/** What a deploy would do: what stands in its way, how long it takes, its waves, its hosts, and the tasks at risk. */
export function PlanView(props: { plan: DeployPlan }) {
  const { plan } = props;
  const { eta } = plan;
  return (
    <section aria-label="Plan" className="mt-4">
      <p className="flex flex-wrap items-baseline gap-x-2">
        <span className="font-semibold capitalize">{plan.strategy}</span>
        <Release tag={plan.imageTag} digest={plan.imageDigest} />
        <span className="text-muted">
          {plan.previousTag === null ? "first release here" : `after ${plan.previousTag}`}, on{" "}
          {plan.hosts.filter((host) => host.wave !== null).length} of {plan.hosts.length} hosts
        </span>
      </p>
      <Blockers blockers={plan.blockers} />
      <dl aria-label="Expected" className="mt-3 grid grid-cols-2 gap-x-6 gap-y-3 lg:grid-cols-4">
        <Figure name="All new work on it after" {...etaText(eta.newWorkOnNewVersion)} />
        <Figure name="Last old task ends after" {...etaText(eta.lastOldTaskEnded)} />
        <Figure name="Tasks open now" value={plan.openTasks} />
        <Figure
          name="Tasks at risk"
          value={plan.tasksAtRiskTotal}
          note={plan.tasksAtRiskTotal === 0 ? "all end in time" : "may outlast the drain deadline"}
        />
      </dl>
      <p className="mt-2 text-xs text-muted">
        {eta.basis}
        {eta.without.length === 0 ? "" : `; not counted: ${eta.without.join(", ")}`}
      </p>
      <PlanWaves waves={plan.waves} />
      <PlanRisks risks={plan.tasksAtRisk} total={plan.tasksAtRiskTotal} />
      <PlanHosts hosts={plan.hosts} />
    </section>
  );
}

function etaText({ p50Ms, p90Ms }: Eta) {
  return { value: durationWords(p50Ms), note: `9 of 10 times within ${durationWords(p90Ms)}` };
}

function Blockers(props: { blockers: readonly PlanBlocker[] }) {
  if (props.blockers.length === 0) {
    return (
      <p className="mt-3 flex items-baseline gap-1.5">
        <ToneShape tone="good" /> Nothing stands in its way.
      </p>
    );
  }
  const ordered = [...props.blockers].sort((a, b) => Number(b.blocks) - Number(a.blocks));
  return (
    <ul aria-label="What stands in its way" className="mt-3 space-y-1">
      {ordered.map((blocker) => (
        <li key={`${blocker.kind}:${blocker.text}`} className="flex items-baseline gap-1.5">
          <ToneShape tone={blocker.blocks ? "bad" : "attention"} />
          <span className="min-w-0">
            <span className="font-medium">{blocker.blocks ? "Holds it: " : "To know: "}</span>
            <IdText text={blocker.text} plain />
            {blocker.until === null || blocker.text.includes(blocker.until) ? null : (
              <>
                , until <ClockTime at={blocker.until} />
              </>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
