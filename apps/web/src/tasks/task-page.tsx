import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { TaskView } from "@valet/contracts";
import { isTerminal, taskTransitions } from "@valet/shared";
import { Age, Duration, ErrorState, Fact, Section, StateMark, taskTones, words } from "@valet/ui";
import { useApp } from "../app-context.tsx";
import { Loaded } from "../lists/loaded-list.tsx";
import { useFallbackIntervalMs } from "../live/live-provider.tsx";
import { keys } from "../query-keys.ts";
import { ArtifactGallery } from "./artifact-gallery.tsx";
import { AttemptList } from "./attempt-list.tsx";
import { EventLog } from "./event-log.tsx";
import { StepList } from "./step-list.tsx";
import { TaskButtons } from "./task-buttons.tsx";
import { useTaskEvents } from "./use-task-events.ts";
import { WhyWaiting } from "./why-waiting.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { IdText } from "../lists/id-text.tsx";

const route = getRouteApi("/shell/tasks/$taskId");

/** One task: what it is to do, how far it is, what it brought. */
export function TaskPage() {
  const { api } = useApp();
  const { taskId } = route.useParams();
  const refetchInterval = useFallbackIntervalMs();
  const query = useQuery({
    queryKey: keys.task(taskId),
    queryFn: ({ signal }) => api.getTask({ params: { id: taskId }, signal }),
    refetchInterval: (state) =>
      state.state.data && isTerminal(taskTransitions, state.state.data.state) ? false : refetchInterval,
  });
  return (
    <>
      <Link to="/tasks" className="text-link text-sm">
        All tasks
      </Link>
      <Loaded query={query} what="The task">
        {(task) => <TaskDetail key={task.id} task={task} />}
      </Loaded>
    </>
  );
}

export function TaskDetail(props: { task: TaskView }) {
  const { task } = props;
  usePageTitle(`Task ${task.id.slice(0, 8)}, ${words(task.state)}`);
  const isOver = isTerminal(taskTransitions, task.state);
  const { events, stream } = useTaskEvents(task.id, isOver);
  return (
    <>
      <div className="mt-1 flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          <h1 className="text-2xl font-semibold tracking-tight">
            {task.metadata["name"] ?? "Task"}{" "}
            <code className="font-mono text-lg font-normal text-muted">{task.id.slice(0, 8)}</code>
          </h1>
          <div className="mt-1 flex flex-wrap items-baseline gap-x-3 gap-y-1">
            <StateMark state={task.state} tone={taskTones[task.state]} size="large" />
            <span className="text-base text-muted">
              <IdText text={task.stateReason} />
            </span>
            {task.cancelRequested && !isOver ? (
              <span className="text-base text-muted">cancel was asked for</span>
            ) : null}
          </div>
        </div>
        <TaskButtons task={task} />
      </div>
      <TaskFacts task={task} />
      <WhyWaiting task={task} />
      {task.error === null ? null : (
        <div className="mt-4">
          <ErrorState
            what={
              task.error.stepIndex === undefined
                ? task.error.code
                : `Step ${task.error.stepIndex + 1}: ${task.error.code}`
            }
            why={task.error.message}
          />
        </div>
      )}
      <div className="grid gap-x-8 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <div>
          <Section
            title="Steps"
            aside={
              <span className="text-sm text-muted tabular-nums">{`${task.stepsDone} of ${task.stepCount} done`}</span>
            }
          >
            <StepList steps={task.spec.steps} events={events} />
          </Section>
          <Section title="Attempts">
            <AttemptList attempts={task.attempts} />
          </Section>
        </div>
        <div>
          <Section title="Screenshots and files">
            <ArtifactGallery taskId={task.id} artifacts={task.artifacts} />
          </Section>
          {task.result === null ? null : (
            <Section title="Result">
              <pre className="panel max-h-96 overflow-auto p-3 font-mono text-xs whitespace-pre-wrap">
                {JSON.stringify(task.result, null, 2)}
              </pre>
            </Section>
          )}
          <Section title="Events">
            <EventLog events={events} stream={stream} />
          </Section>
        </div>
      </div>
    </>
  );
}

function TaskFacts(props: { task: TaskView }) {
  const { task } = props;
  return (
    <dl className="mt-4 flex flex-wrap gap-x-6 gap-y-1">
      {task.url === null ? null : <Fact name="Address">{task.url}</Fact>}
      <Fact name="Tenant">{task.tenantId}</Fact>
      <Fact name="Environment">{task.environment}</Fact>
      <Fact name="Sandbox">{task.sandboxName ?? "none"}</Fact>
      <Fact name="Priority">{task.priority}</Fact>
      <Fact name="After an interruption">
        {task.spec.restart === "safe" ? "starts again" : "waits for review if it wrote"}
      </Fact>
      <Fact name="Created">
        <Age at={task.createdAt} />
      </Fact>
      {task.startedAt === null ? null : (
        <Fact name={task.endedAt === null ? "Running for" : "Ran"}>
          <Duration from={task.startedAt} to={task.endedAt} />
        </Fact>
      )}
    </dl>
  );
}
