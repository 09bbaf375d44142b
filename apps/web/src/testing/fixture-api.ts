import {
  environmentSchema,
  routes,
  type DeployView,
  type LiveEvent,
  type RouteName,
  type SandboxView,
  type TaskEvent,
  type TaskSummary,
} from "@valet/contracts";
import {
  canDeployAction,
  deployActionNames,
  isTerminal,
  taskTransitions,
  type DeployActionName,
  type DeployState,
  type Role,
} from "@valet/shared";
import { fixtureDeploys } from "./fixture-deploys.ts";
import { fixtureCompare, fixtureHistory, fixturePlan, fixtureRolloutConfig } from "./fixture-plan.ts";
import { fixtureScenes } from "./fixture-scenes.ts";
import { fixturePicture } from "./fixture-picture.ts";
import { fixtureId } from "./seeded-random.ts";
import { fixtureFleet, fixtureSandbox } from "./fixture-sandboxes.ts";
import { fixtureTaskEvents, fixtureTasks, fixtureTaskView } from "./fixture-tasks.ts";

export interface FixtureOptions {
  nowMs: number;
  /** `big`: 1,000 sandboxes. `broken`: lists answer 503. `slow`: lists never answer. */
  scene?: "usual" | "empty" | "big" | "broken" | "slow";
  role?: Role;
  taskCount?: number;
}

export type FixtureReply =
  { status: number; json: unknown } | { stream: TaskEvent[]; ends: boolean } | { bytes: Buffer; contentType: string };

type Params = Record<string, string>;

const afterAction: Readonly<Record<DeployActionName, DeployState>> = {
  trigger: "in_progress",
  approve: "queued",
  promote: "in_progress",
  pause: "paused",
  resume: "in_progress",
  retry: "in_progress",
  abort: "aborting",
  rollback: "rolling_back",
};

export type FixtureApi = ReturnType<typeof makeFixtureApi>;

/** Answers a route from made-up data; null for an id it does not have. Every answer is checked against its schema. */
export function makeFixtureApi(options: FixtureOptions, emit: (event: LiveEvent) => void) {
  const scene = options.scene ?? "usual";
  const isEmpty = scene === "empty";
  const sandboxes: SandboxView[] = isEmpty
    ? []
    : scene === "big"
      ? Array.from({ length: 1000 }, (_, number) => fixtureSandbox(number, options.nowMs))
      : fixtureFleet(options.nowMs);
  const deploys: DeployView[] = isEmpty ? [] : fixtureDeploys(options.nowMs);
  const known = isEmpty ? [] : [...deploys, ...fixtureScenes(options.nowMs)];
  const tasks: TaskSummary[] = isEmpty ? [] : fixtureTasks(options.taskCount ?? 1000, options.nowMs);
  const config = { autoDeployStaging: true, autoDeployProd: false };
  let eventId = 100;
  let plans = 0;

  const act = (action: DeployActionName, id: string): FixtureReply | null => {
    const deploy = known.find((candidate) => candidate.id === id);
    if (deploy === undefined) return null;
    if (!canDeployAction(action, deploy.state)) {
      const message = `A deploy that is ${deploy.state} cannot ${action}`;
      return { status: 409, json: { error: "illegal_transition", message, requestId: "fixture" } };
    }
    deploy.state = afterAction[action];
    deploy.revision += 1;
    emit({ type: "deploy_update", eventId: (eventId += 1), deployId: id, status: deploy.state, sandboxes: [] });
    return { status: 200, json: deploy };
  };

  return async (
    name: RouteName,
    params: Params,
    query: URLSearchParams,
    body: string,
  ): Promise<FixtureReply | null> => {
    if (name.startsWith("list") && options.scene === "slow") await new Promise(() => undefined);
    if (name.startsWith("list") && options.scene === "broken") {
      return { status: 503, json: { error: "unavailable", message: "The database is away", requestId: "fixture-1" } };
    }
    const action = deployActionNames.find((candidate) => name === `${candidate}Deploy`);
    const reply = action ? act(action, params["id"] ?? "") : (planning(name, body) ?? read(name, params, query));
    const schema = routes[name] as { response?: { parse: (value: unknown) => unknown } };
    if (reply !== null && "json" in reply && reply.status < 300) schema.response?.parse(reply.json);
    return reply;
  };

  /** A plan holds for one deploy: the first revision has moved by the time it is used. */
  function planning(name: RouteName, body: string): FixtureReply | null {
    if (name !== "planDeploy" && name !== "createDeploy") return null;
    const wish = JSON.parse(body) as { imageTag?: string; environment?: string; planRevision?: string };
    const plan = (turn: number) =>
      fixturePlan(options.nowMs, wish.imageTag ?? "v1.9.0", wish.environment ?? "staging", turn);
    if (name === "planDeploy") return json(plan((plans += 1)));
    if (wish.planRevision === plan(1).revision) {
      const message = "Since the plan was made, this has changed: which hosts. Nothing was done. Plan again.";
      return { status: 409, json: { error: "plan_moved", message, requestId: "fixture" } };
    }
    return { status: 201, json: deploys[0] };
  }

  function read(name: RouteName, params: Params, query: URLSearchParams): FixtureReply | null {
    const task = tasks.find((candidate) => candidate.id === params["id"]);
    switch (name) {
      case "me":
        return json({ tenantId: "acme", role: options.role ?? "admin", name: "maria", environment: "staging" });
      case "exchangeLoginLink":
        return json({
          tenantId: "acme",
          role: "admin",
          name: "maria",
          environment: "staging",
          token: "t",
          expiresAt: new Date(options.nowMs + 3_600_000).toISOString(),
        });
      case "logout":
        return json({ loggedOut: true });
      case "listSandboxes":
        return json(
          pageOf(
            sandboxes.filter((sandbox) => has(query, "search", sandbox.name) && is(query, "status", sandbox.state)),
            query,
          ),
        );
      case "listDeploys":
        return json(
          pageOf(
            deploys.filter(
              (deploy) => is(query, "state", deploy.state) && is(query, "environment", deploy.environment),
            ),
            query,
          ),
        );
      case "listTasks":
        return json(
          pageOf(
            tasks.filter(
              (candidate) =>
                is(query, "state", candidate.state) && has(query, "search", `${candidate.id} ${candidate.url}`),
            ),
            query,
          ),
        );
      case "getDeployConfig":
      case "putDeployConfig":
        return json(config);
      case "getDeploy":
        return jsonOrNone(known.find((deploy) => deploy.id === params["id"]));
      case "deployHistory": {
        const deploy = known.find((candidate) => candidate.id === params["id"]);
        return jsonOrNone(deploy && fixtureHistory(deploy, Number(query.get("after") ?? 0)));
      }
      case "compareReleases":
        return isEmpty ? null : json(fixtureCompare(options.nowMs));
      case "listReleases":
        return json(pageOf(isEmpty ? [] : deploys.map(releaseOf), query));
      case "getRolloutConfig":
        return json(fixtureRolloutConfig(options.nowMs, environmentSchema.parse(params["environment"])));
      case "getTask":
      case "cancelTask":
      case "reviewTask":
      case "retryTask":
        return jsonOrNone(task && fixtureTaskView(task));
      case "whyTask":
        return json({
          state: task?.state ?? "queued",
          code: "ahead_in_queue",
          message: "All 22 free slots belong to other tenants' turns; 2 tasks are ahead.",
          position: 3,
          etaMs: 14_000,
        });
      case "taskEvents":
        return task === undefined
          ? null
          : { stream: fixtureTaskEvents(task), ends: isTerminal(taskTransitions, task.state) };
      case "getArtifact":
        return { bytes: fixturePicture(640, 400), contentType: "image/png" };
      default:
        return null;
    }
  }
}

function releaseOf(deploy: DeployView, index: number) {
  const { imageTag, imageDigest, commitSha, commitMessage, createdAt } = deploy;
  return {
    ...{ id: fixtureId(4, index), service: "ghosthands", version: imageTag, imageTag, imageDigest },
    ...{ commitSha, commitMessage, createdAt },
  };
}

function json(body: unknown): FixtureReply {
  return { status: 200, json: body };
}

function jsonOrNone(body: unknown): FixtureReply | null {
  return body === undefined ? null : json(body);
}

function is(query: URLSearchParams, name: string, value: string): boolean {
  const wanted = query.get(name);
  return wanted === null || wanted === value;
}

function has(query: URLSearchParams, name: string, text: string): boolean {
  return text.includes(query.get(name) ?? "");
}

function pageOf<T>(all: readonly T[], query: URLSearchParams) {
  const page = Number(query.get("page") ?? 1);
  const pageSize = Number(query.get("pageSize") ?? 25);
  const data = all.slice((page - 1) * pageSize, page * pageSize);
  return { data, pagination: { page, pageSize, total: all.length, totalPages: Math.ceil(all.length / pageSize) } };
}
