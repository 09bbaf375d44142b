import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { DeployView } from "@valet/contracts";
import { environments } from "@valet/shared";
import {
  Age,
  deployTones,
  Duration,
  Fact,
  Release,
  Section,
  StateMark,
  tabClass,
  Tabs,
  ToneShape,
  words,
} from "@valet/ui";
import { useApp } from "../app-context.tsx";
import { Loaded } from "../lists/loaded-list.tsx";
import { useFallbackIntervalMs } from "../live/live-provider.tsx";
import { keys } from "../query-keys.ts";
import { DeployButtons } from "./actions/deploy-buttons.tsx";
import { AnalysisCard } from "./analysis/analysis-card.tsx";
import { ProgressStrip } from "./course/progress-strip.tsx";
import { Situation } from "./course/situation.tsx";
import { DecisionJournal } from "./history/decision-journal.tsx";
import { HistoryList } from "./history/history-list.tsx";
import { DeployMeasures } from "./deploy-measures.tsx";
import { HostList } from "./host-list.tsx";
import { KnobList } from "./knob-facts.tsx";
import { PlanWaitingButton } from "./plan/plan-waiting-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Actor } from "../lists/actor.tsx";
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
  const { tab } = route.useSearch();
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
        <div className="flex flex-wrap items-start gap-2 sm:justify-end">
          <PlanWaitingButton deploy={deploy} />
          <DeployButtons deploy={deploy} />
        </div>
      </div>
      <Situation deploy={deploy} />
      <DeployFacts deploy={deploy} />
      <Tabs label="Parts of this deploy">
        {tabs.map(({ tab: name, text }) => (
          <Link
            key={text}
            to="."
            search={{ tab: name }}
            replace
            resetScroll={false}
            aria-current={tab === name ? "page" : undefined}
            className={tabClass(tab === name)}
          >
            {text}
          </Link>
        ))}
      </Tabs>
      {tab === undefined ? <Overview deploy={deploy} /> : null}
      {tab === "history" ? (
        <Section title="History" aside={<span className="text-sm text-muted">newest first</span>}>
          <HistoryList deploy={deploy} />
        </Section>
      ) : null}
      {tab === "settings" ? <Settings deploy={deploy} /> : null}
    </>
  );
}

const tabs = [
  { tab: undefined, text: "Overview" },
  { tab: "history", text: "History" },
  { tab: "settings", text: "Settings" },
] as const;

function Settings(props: { deploy: DeployView }) {
  const { configVersion, environment, knobs } = props.deploy;
  return (
    <Section
      title="How it proceeds"
      aside={
        <Link to="/rollout" search={{ environment: environmentOf(environment) }} className="text-link text-sm">
          {configVersion === null ? "Configuration of" : `From version ${configVersion} of`} {environment}
        </Link>
      }
    >
      <KnobList knobs={knobs} />
    </Section>
  );
}

const environmentOf = (name: string) => environments.find((environment) => environment === name);

function Overview(props: { deploy: DeployView }) {
  const { deploy } = props;
  return (
    <>
      <ProgressStrip deploy={deploy} />
      <WaitingOn waitingOn={waitsLeftToSay(deploy)} />
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
        <HostList hosts={deploy.hosts} targetDigest={deploy.imageDigest} previousDigest={deploy.previousDigest} />
      </Section>
      <Section
        title="Latest decisions"
        aside={
          <Link to="." search={{ tab: "history" }} className="text-link text-sm">
            All, with what was seen
          </Link>
        }
      >
        <DecisionJournal decisions={deploy.decisions} />
      </Section>
    </>
  );
}

/** What the progress line, the stages and the analysis do not say already. */
function waitsLeftToSay({ waitingOn, progress }: DeployView): string[] {
  return waitingOn
    .filter((whom) => !progress.text.includes(whom) && !whom.startsWith("the analysis: "))
    .filter((whom) => progress.bakeEndsAt === null || !whom.endsWith(`to bake until ${progress.bakeEndsAt}`))
    .filter((whom) => !progress.awaitsPromotion || !whom.startsWith("somebody to "));
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
      {deploy.previousTag === null || deploy.previousTag === deploy.imageTag ? null : (
        <Fact name="">
          <Link to="/releases/compare" search={{ from: deploy.previousTag, to: deploy.imageTag }} className="text-link">
            Compare the two
          </Link>
        </Fact>
      )}
      <Fact name="Service">{deploy.service}</Fact>
      {deploy.commitSha === null ? null : (
        <Fact name="Commit">
          <code className="font-mono text-xs">{deploy.commitSha.slice(0, 10)}</code> {deploy.commitMessage}
        </Fact>
      )}
      <Fact name="Started by">
        {deploy.trigger}, <Actor actor={deploy.createdBy} />
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
