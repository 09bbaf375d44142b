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
      assertFitsFleet(given, { environment, installation, hosts: await hostsInService(tx, environment) });
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
    assertFitsFleet(given, { environment, installation, hosts });
    const effective = effectiveOf(given, installation);
    const warnings = Object.entries(effective).flatMap(([service, { knobs }]) =>
      fleetWarnings(knobs, hosts).map((text) => `${service}: ${text}`),
    );
    return {
      environment,
      config: given,
      effective,
      freeze: freezeViewAt(given.freezes, clock.now()),
      currentVersion: (await getEnvironmentConfig(db, environment))?.version ?? 0,
      warnings: [...new Set(warnings)],
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

interface Fleet {
  environment: Environment;
  installation: KnobsOverride;
  hosts: number;
}

/** 422 that names each key which no deploy could obey with so many hosts: better now than when the first deploy is refused. */
function assertFitsFleet(given: EnvironmentConfig, { environment, installation, hosts }: Fleet): void {
  const details = Object.entries(effectiveOf(given, installation)).flatMap(([service, { knobs }]) =>
    fleetProblems(knobs, hosts).map(({ knob, message }) => {
      return { field: keyOf(given, { environment, service: service as Service, knob }), message, code: "custom" };
    }),
  );
  const [first] = details;
  if (!first) return;
  const where = hosts === 1 ? `${environment} has 1 host` : `${environment} has ${hosts} hosts`;
  throw new UserError("validation", `rollout.yml, ${first.field}: ${first.message} (${where})`, details);
}

/** Where in the file the knob is set, or would be. */
function keyOf(
  { defaults, services }: EnvironmentConfig,
  { environment, service, knob }: { environment: Environment; service: Service; knob: string },
): string {
  const name = knob.split(".")[0] ?? knob;
  const isDefault = services[service]?.[name as keyof KnobsOverride] === undefined && name in defaults;
  return ["environments", environment, isDefault ? "defaults" : `services.${service}`, knob].join(".");
}

function effectiveOf(environment: EnvironmentConfig, installation: KnobsOverride): RolloutConfigView["effective"] {
  const named = Object.keys(environment.services) as Service[];
  const services = [...new Set<Service>(["ghosthands", ...named])];
  return Object.fromEntries(
    services.map((service) => [service, settingsFor(service, { installation, environment })]),
  ) as RolloutConfigView["effective"];
}
