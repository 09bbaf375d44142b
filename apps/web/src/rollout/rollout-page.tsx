import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { FreezeWindow, RolloutConfigView } from "@valet/contracts";
import { environments } from "@valet/shared";
import { Age, ClockTime, EmptyState, Fact, Notice, Section, Select } from "@valet/ui";
import { useApp } from "../app-context.tsx";
import { KnobList } from "../deploys/knob-facts.tsx";
import { Actor } from "../lists/actor.tsx";
import { Loaded } from "../lists/loaded-list.tsx";
import { keys } from "../query-keys.ts";
import { usePageTitle } from "../shell/use-page-title.ts";

const route = getRouteApi("/shell/rollout");

/** An environment's rollout.yml as it is in force: who wrote it, what it means for a deploy, and what freezes it. */
export function RolloutPage() {
  usePageTitle("Rollout configuration");
  const { api } = useApp();
  const { environment = "production" } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useQuery({
    queryKey: keys.rolloutConfig(environment),
    queryFn: ({ signal }) => api.getRolloutConfig({ params: { environment }, signal }),
    refetchInterval: 60_000,
  });
  return (
    <>
      <Link to="/deploys" className="text-link text-sm">
        All deploys
      </Link>
      <h1 className="mt-1 text-2xl font-semibold tracking-tight">Rollout configuration</h1>
      <Select
        label="Environment"
        hideLabel
        className="mt-5 sm:w-44"
        value={environment}
        options={environments.map((value) => ({ value, text: value }))}
        onChange={({ target }) =>
          void navigate({
            search: { environment: environments.find((value) => value === target.value) },
            replace: true,
          })
        }
      />
      <div className="mt-4">
        <Loaded query={query} what="The configuration">
          {(view) => <Configuration view={view} />}
        </Loaded>
      </div>
    </>
  );
}

function Configuration(props: { view: RolloutConfigView }) {
  const { view } = props;
  return (
    <>
      <dl className="flex flex-wrap gap-x-6 gap-y-1">
        <Fact name="Version">{view.version === 0 ? "none yet: what is shipped holds" : view.version}</Fact>
        {view.createdBy === null ? null : (
          <Fact name="By">
            <Actor actor={view.createdBy} />
          </Fact>
        )}
        {view.createdAt === null ? null : (
          <Fact name="Stored">
            <Age at={view.createdAt} />
          </Fact>
        )}
        <Fact name="Approvals">{view.config.approvals === 0 ? "none needed" : view.config.approvals}</Fact>
      </dl>
      {view.freeze === null ? null : (
        <Notice
          tone="attention"
          title={
            <>
              Frozen now by “{view.freeze.name}”
              {view.freeze.until === null ? null : (
                <>
                  {" "}
                  until <ClockTime at={view.freeze.until} />
                </>
              )}
            </>
          }
        >
          <p className="text-muted">No deploy starts here until then. A rollback is never held.</p>
        </Notice>
      )}
      <Freezes freezes={view.config.freezes} />
      {Object.entries(view.effective).map(([service, settings]) => (
        <Section key={service} title={`What a deploy of ${service} goes by`}>
          <KnobList knobs={settings.knobs} />
        </Section>
      ))}
      <Section title="rollout.yml" aside={<code className="text-xs text-muted">valet config apply</code>}>
        {view.source === "" ? (
          <EmptyState title="No rollout.yml is stored">Deploys here go by the defaults above.</EmptyState>
        ) : (
          <pre
            aria-label="rollout.yml"
            tabIndex={0}
            className="panel max-h-[32rem] overflow-auto px-4 py-3 font-mono text-xs"
          >
            {view.source}
          </pre>
        )}
      </Section>
    </>
  );
}

function Freezes(props: { freezes: readonly FreezeWindow[] }) {
  return (
    <Section title="Freezes">
      {props.freezes.length === 0 ? (
        <p className="text-muted">No window is set: a deploy may start at any time.</p>
      ) : (
        <ul aria-label="Freezes" className="panel divide-y divide-line">
          {props.freezes.map((window) => (
            <li key={window.name} className="grid gap-x-4 px-4 py-2 sm:grid-cols-[10rem_minmax(0,1fr)]">
              <span className="font-medium">{window.name}</span>
              <span className="text-muted">
                <WindowText window={window} />
                {window.pauses ? "; deploys under way pause" : ""}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function WindowText({ window }: { window: FreezeWindow }) {
  if (window.days !== undefined) {
    return <>{`every ${window.days.join(", ")} from ${window.from} to ${window.to}, ${window.timezone ?? "UTC"}`}</>;
  }
  return (
    <>
      once, from <ClockTime at={window.from} /> to <ClockTime at={window.to} />
    </>
  );
}
