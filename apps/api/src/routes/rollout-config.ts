import {
  type EnvironmentConfig,
  type KnobsOverride,
  type RolloutConfigView,
  emptyEnvironmentConfig,
  environmentConfigSchema,
  fleetProblems,
  fleetWarnings,
  routes,
  settingsFor,
} from "@valet/contracts";
import { parseRolloutYaml, yamlProblemText } from "@valet/contracts/node";
import { appendAudit, getEnvironmentConfig, hostsInService, putEnvironmentConfig } from "@valet/db";
import { type Environment, type Service, UserError } from "@valet/shared";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { mount } from "../mount.ts";
import { actorOf } from "../principal.ts";
import { unwrap } from "../unwrap.ts";
import { freezeViewAt } from "../views/deploy-view.ts";

/** An environment's rollout.yml: read, checked and stored, version by version. */
export function rolloutConfigRoutes(app: FastifyInstance, { db, config, clock }: ApiContext): void {
  const installation = config.VALET_ROLLOUT_DEFAULTS;

  const load = async (environment: Environment): Promise<RolloutConfigView> => {
    const row = await getEnvironmentConfig(db, environment);
    const stored = row ? environmentConfigSchema.parse(row.config) : emptyEnvironmentConfig;
    return {
      environment,
      version: row?.version ?? 0,
      source: row?.source ?? "",
      config: stored,
      createdBy: row?.createdBy ?? null,
      createdAt: row?.createdAt.toISOString() ?? null,
      effective: effectiveOf(stored, installation),
      freeze: freezeViewAt(stored.freezes, clock.now()),
    };
  };

  mount(app, routes.getRolloutConfig, ({ params }) => load(params.environment));

  mount(app, routes.putRolloutConfig, async ({ params: { environment }, body, principal }) => {
    const given = configIn(body.source, environment);
    const actor = actorOf(principal);
    await db.tx(async (tx) => {
      const { source, expectedVersion } = body;
      const put = { environment, expectedVersion, source, config: given, createdBy: actor };
      const { version } = unwrap(await putEnvironmentConfig(tx, put));
      const data = { version, reason: body.reason, source };
      await appendAudit(tx, { actor, action: "rollout_config.put", subject: environment, data });
    });
    return load(environment);
  });

  mount(app, routes.checkRolloutConfig, async ({ params: { environment }, body }) => {
    const given = configIn(body.source, environment);
    const hosts = await hostsInService(db, environment);
    const { knobs } = settingsFor("ghosthands", { installation, environment: given });
    const problems = fleetProblems(knobs, hosts).map(({ knob, message }) => `${knob} ${message}`);
    return {
      environment,
      config: given,
      effective: effectiveOf(given, installation),
      freeze: freezeViewAt(given.freezes, clock.now()),
      currentVersion: (await getEnvironmentConfig(db, environment))?.version ?? 0,
      warnings: [...problems, ...fleetWarnings(knobs, hosts)].map((text) => `ghosthands: ${text}`),
    };
  });
}

/** The environment's part of the text; 422 that names each key, its line and what is allowed there. */
function configIn(source: string, environment: Environment): EnvironmentConfig {
  const parsed = parseRolloutYaml(source);
  if (!parsed.ok) {
    const details = parsed.error.slice(0, 20).map((problem) => ({
      field: problem.field || "source",
      message: `line ${problem.line}, column ${problem.column}: ${problem.message}`,
      code: problem.code,
    }));
    const [first, ...rest] = parsed.error.map(yamlProblemText);
    const more = rest.length > 0 ? ` (and ${rest.length} more)` : "";
    throw new UserError("validation", `rollout.yml, ${first ?? "unreadable"}${more}`, details);
  }
  const found = parsed.value.environments[environment];
  if (found) return found;
  const names = Object.keys(parsed.value.environments).join(", ") || "none";
  const message = `has no ${environment}; it names ${names}`;
  throw new UserError("validation", `environments: ${message}`, [{ field: "environments", message, code: "custom" }]);
}

function effectiveOf(environment: EnvironmentConfig, installation: KnobsOverride): RolloutConfigView["effective"] {
  const named = Object.keys(environment.services) as Service[];
  const services = [...new Set<Service>(["ghosthands", ...named])];
  return Object.fromEntries(
    services.map((service) => [service, settingsFor(service, { installation, environment })]),
  ) as RolloutConfigView["effective"];
}
