import type { AgentHealth } from "@valet/contracts";

/** Memory is looked at in steps of this size: a decision must not hang on a megabyte. */
const memoryStepMb = 64;

/**
 * A host's health as decisions see it: without load, uptime and the like, which change at every look and decide nothing. The
 * journal keeps exactly what `decide` was given, so what it is not given need not be kept for 10,000 hosts at each save.
 */
export function steadyHealth(health: AgentHealth): AgentHealth {
  const { admission } = health;
  return {
    ...health,
    cpu: 0,
    uptime: 0,
    diskUsedGb: 0,
    activeProfiles: 0,
    memoryUsedMb: Math.ceil(health.memoryUsedMb / memoryStepMb) * memoryStepMb,
    ...(admission
      ? { admission: { ...admission, freeMb: Math.floor(admission.freeMb / memoryStepMb) * memoryStepMb } }
      : {}),
  };
}
