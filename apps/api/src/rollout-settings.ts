import {
  type AnalysisConfig,
  type EnvironmentConfig,
  type KnobsOverride,
  emptyEnvironmentConfig,
  environmentConfigSchema,
  fleetProblems,
  knobConflicts,
  resolveKnobs,
  settingsFor,
} from "@valet/contracts";
import { type Sql, getEnvironmentConfig } from "@valet/db";
import { type Environment, type RolloutKnobs, type Service, UserError, defaultKnobs } from "@valet/shared";
import type { UserPrincipal } from "./principal.ts";

/** How a deploy goes, resolved once when it is created: a change of the configuration later does not touch it. */
export interface RolloutSettings {
  knobs: RolloutKnobs;
  analysis: AnalysisConfig | null;
  requiredApprovals: number;
  /** Null: nobody has configured the environment. */
  configVersion: number | null;
}

export interface SettingsWish {
  environment: Environment;
  service: Service;
  /** This deploy's own knobs. */
  own?: KnobsOverride;
}

/** Shipped defaults, then the installation's, the environment's, the service's, and the deploy's own knobs. */
export async function settingsOf(sql: Sql, installation: KnobsOverride, wish: SettingsWish): Promise<RolloutSettings> {
  const { version, config } = await environmentConfigOf(sql, wish.environment);
  const own = wish.own ?? {};
  const settings = settingsFor(wish.service, { installation, environment: config, own });
  return { ...settings, requiredApprovals: config.approvals, configVersion: version };
}

export async function environmentConfigOf(
  sql: Sql,
  environment: Environment,
): Promise<{ version: number | null; config: EnvironmentConfig }> {
  const row = await getEnvironmentConfig(sql, environment);
  if (!row) return { version: null, config: emptyEnvironmentConfig };
  return { version: row.version, config: environmentConfigSchema.parse(row.config) };
}

/** A rollback is asked for by whoever sees that something is wrong: nobody else need agree, and no freeze holds it. */
export function forRollback(settings: RolloutSettings): RolloutSettings & { ignoreFreeze: true } {
  return { ...settings, requiredApprovals: 0, ignoreFreeze: true };
}

/** 422 that names each knob which cannot be obeyed: by itself, beside another, or with so many hosts. */
export function assertKnobs(knobs: RolloutKnobs, environment: Environment, hosts: number): void {
  const problems = [...knobConflicts(knobs), ...fleetProblems(knobs, hosts)];
  const details = problems.map(({ knob, message }) => ({ field: `knobs.${knob}`, message, code: "custom" }));
  const first = details[0];
  if (!first) return;
  const where = hosts === 1 ? `${environment} has 1 host` : `${environment} has ${hosts} hosts`;
  throw new UserError("validation", `${first.field}: ${first.message} (${where})`, details);
}

/** The knobs of a deploy that has not begun with some of them changed; what depends on the order follows it. */
export function changedKnobs(knobs: RolloutKnobs, change: KnobsOverride): RolloutKnobs {
  const base: KnobsOverride = { ...knobs };
  if (change.order !== undefined && change.order !== knobs.order) {
    const before = defaultKnobs(knobs.order);
    if (base.maxUnavailable === before.maxUnavailable) delete base.maxUnavailable;
    if (base.drainDeadlineAction === before.drainDeadlineAction) delete base.drainDeadlineAction;
  }
  return resolveKnobs(base, change);
}

/** To go past a freeze takes an admin who says why. */
export function assertMayIgnoreFreeze(
  principal: UserPrincipal,
  body: { ignoreFreeze?: boolean | undefined; reason: string },
): void {
  if (!body.ignoreFreeze) return;
  if (principal.role !== "admin") {
    throw new UserError("forbidden", `The role ${principal.role} may not ignore a freeze; it takes admin.`);
  }
  if (body.reason.trim() !== "") return;
  const message = "say why this deploy must not wait for the end of the freeze";
  throw new UserError("validation", `reason: ${message}`, [{ field: "reason", message, code: "custom" }]);
}
