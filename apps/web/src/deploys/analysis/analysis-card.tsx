import type { AnalysisResult, DeployView } from "@valet/contracts";
import { Age, Section, StateMark } from "@valet/ui";
import { IdText } from "../../lists/id-text.tsx";
import { analysisWait, looksOf, probabilityText, verdictTones, verdictWords } from "./looks.ts";
import { MetricList } from "./metric-list.tsx";

/** How the canary is judged: the verdict with the numbers behind it, what it waits for, and every look so far. */
export function AnalysisCard(props: { deploy: DeployView }) {
  const { deploy } = props;
  const { knobs, analysis } = deploy;
  const isJudged = knobs.strategy === "canary" && knobs.analyse && deploy.startedAt !== null;
  if (!isJudged && analysis === null) return null;
  const verdict = verdictWords(analysis);
  const wait = deploy.endedAt === null ? analysisWait(deploy) : null;
  const looks = looksOf(deploy);
  return (
    <Section
      title="Analysis"
      aside={
        analysis === null ? null : (
          <span className="text-sm text-muted tabular-nums">
            look {analysis.look} of {analysis.looksTotal}, <Age at={new Date(analysis.at).toISOString()} />
          </span>
        )
      }
    >
      <div className="panel">
        <div className="px-4 py-3">
          <p className="flex flex-wrap items-baseline gap-x-3">
            <StateMark state={verdict.text} tone={verdict.tone} size="large" />
            <span>{analysis?.reason ?? (wait === null ? "No look was taken." : "Too few tasks have ended.")}</span>
          </p>
          {wait === null ? null : (
            <p className="mt-1">
              Waits for <IdText text={wait} />
            </p>
          )}
          <p className="mt-1 text-muted">
            Tasks that ran on {deploy.imageTag} against tasks that ran at the same time on{" "}
            {deploy.previousTag ?? "the release before"}; it fails only when chance is no explanation.
          </p>
        </div>
        {analysis === null || analysis.metrics.length === 0 ? null : (
          <MetricList metrics={analysis.metrics} isFinal={analysis.final} />
        )}
        {looks.length > 1 ? <LookHistory looks={looks} /> : null}
      </div>
    </Section>
  );
}

function LookHistory(props: { looks: readonly AnalysisResult[] }) {
  return (
    <div className="border-t border-line px-4 py-3">
      <h3 className="text-xs text-muted">Looks, newest first</h3>
      <ol aria-label="Looks" className="mt-1 space-y-1">
        {[...props.looks].reverse().map((look) => (
          <li key={look.look} className="flex flex-wrap items-baseline gap-x-3">
            <span className="tabular-nums">Look {look.look}</span>
            <StateMark
              state={look.final ? look.verdict : "going on"}
              tone={look.final ? verdictTones[look.verdict] : "active"}
            />
            <span className="text-muted tabular-nums">
              {look.metrics.map((metric) => (
                <span key={metric.name} className="mr-3 whitespace-nowrap">
                  {metric.name} {metric.pValue === null ? "not tested" : `p ${probabilityText(metric.pValue)}`}
                </span>
              ))}
              <Age at={new Date(look.at).toISOString()} />
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}
