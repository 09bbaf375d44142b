import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { DeployView } from "@valet/contracts";
import { Age, deployTones, Duration, Fact, Release, Section, StateMark, ToneShape, words } from "@valet/ui";
import { useApp } from "../app-context.tsx";
import { Loaded } from "../lists/loaded-list.tsx";
import { useFallbackIntervalMs } from "../live/live-provider.tsx";
import { keys } from "../query-keys.ts";
import { DeployButtons } from "./actions/deploy-buttons.tsx";
import { AnalysisCard } from "./analysis/analysis-card.tsx";
import { ProgressStrip } from "./course/progress-strip.tsx";
import { Situation } from "./course/situation.tsx";
import { DecisionJournal } from "./history/decision-journal.tsx";
import { DeployMeasures } from "./deploy-measures.tsx";
import { HostList } from "./host-list.tsx";
import { KnobFacts } from "./knob-facts.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { IdText } from "../lists/id-text.tsx";

const route = getRouteApi("/shell/deploys/$deployId");

/** One deploy from its webhook to its last host. */
export function DeployPage() {
  const { api } = useApp();
  const { deployId } = route.useParams();
  const refetchInterval = useFallbackIntervalMs();
  const query = useQuery({
    queryKey: keys.deploy(deployId),
    queryFn: ({ signal }) => api.getDeploy({ params: { id: deployId }, signal }),
    refetchInterval,
  });
  return (
    <>
      <Link to="/deploys" className="text-link text-sm">
        All deploys
      </Link>
      <Loaded query={query} what="The deploy">
        {(deploy) => <DeployDetail deploy={deploy} />}
      </Loaded>
    </>
  );
}

export function DeployDetail(props: { deploy: DeployView }) {
  const { deploy } = props;
  usePageTitle(`${deploy.imageTag} to ${deploy.environment}, ${words(deploy.state)}`);
  return (
    <>
      <div className="mt-1 flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          <h1 className="text-2xl font-semibold tracking-tight">
            {deploy.imageTag} <span className="font-normal text-muted">to {deploy.environment}</span>
          </h1>
          <div className="mt-1 flex flex-wrap items-baseline gap-x-3 gap-y-1">
            <StateMark state={deploy.state} tone={deployTones[deploy.state]} size="large" />
            <span className="text-base text-muted">
              <IdText text={deploy.stateReason} />
            </span>
          </div>
        </div>
        <DeployButtons deploy={deploy} />
      </div>
      <Situation deploy={deploy} />
      <WaitingOn waitingOn={deploy.waitingOn} />
      <ProgressStrip deploy={deploy} />
      <DeployFacts deploy={deploy} />
      <DeployMeasures deploy={deploy} />
      <AnalysisCard deploy={deploy} />
      <Section
        title="Hosts"
        aside={
          <span className="text-sm text-muted tabular-nums">
            {deploy.hostsUpdated} of {deploy.hostsTotal} updated
            {deploy.hostsFailed > 0 ? `, ${deploy.hostsFailed} failed` : ""}
          </span>
        }
      >
        <HostList hosts={deploy.hosts} targetDigest={deploy.imageDigest} />
      </Section>
      <Section title="Decisions" aside={<span className="text-sm text-muted">newest first</span>}>
        <DecisionJournal decisions={deploy.decisions} />
      </Section>
      <KnobFacts knobs={deploy.knobs} />
    </>
  );
}

function WaitingOn(props: { waitingOn: readonly string[] }) {
  if (props.waitingOn.length === 0) return null;
  return (
    <div className="panel mt-4 px-4 py-3">
      <h2 className="flex items-baseline gap-1.5 text-sm font-semibold">
        <ToneShape tone="waiting" />
        Waiting for
      </h2>
      <ul className="mt-1 space-y-0.5">
        {props.waitingOn.map((whom) => (
          <li key={whom}>
            <IdText text={whom} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function DeployFacts(props: { deploy: DeployView }) {
  const { deploy } = props;
  return (
    <dl className="mt-4 flex flex-wrap gap-x-6 gap-y-1">
      <Fact name="Release">
        <Release tag={deploy.imageTag} digest={deploy.imageDigest} />
      </Fact>
      <Fact name="Before">
        <Release tag={deploy.previousTag} digest={deploy.previousDigest} />
      </Fact>
      <Fact name="Service">{deploy.service}</Fact>
      {deploy.commitSha === null ? null : (
        <Fact name="Commit">
          <code className="font-mono text-xs">{deploy.commitSha.slice(0, 10)}</code> {deploy.commitMessage}
        </Fact>
      )}
      <Fact name="Started by">
        {deploy.trigger}, {deploy.createdBy}
      </Fact>
      <Fact name="Created">
        <Age at={deploy.createdAt} />
      </Fact>
      {deploy.startedAt === null ? null : (
        <Fact name={deploy.endedAt === null ? "Running for" : "Took"}>
          <Duration from={deploy.startedAt} to={deploy.endedAt} />
        </Fact>
      )}
    </dl>
  );
}
