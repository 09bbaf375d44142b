import type { HostEngine, HostStep } from "../model.ts";

/** Field by field, as references: what is not flat was replaced if it changed. Written out, for ten thousand hosts go through it. */
export function isSameHost(host: HostStep, was: HostStep): boolean {
  return (
    host.step === was.step &&
    host.reason === was.reason &&
    host.order === was.order &&
    host.oldGeneration === was.oldGeneration &&
    host.newGeneration === was.newGeneration &&
    host.reportedDigest === was.reportedDigest &&
    host.startedAt === was.startedAt &&
    host.endedAt === was.endedAt &&
    host.sandboxId === was.sandboxId &&
    host.name === was.name &&
    isSameEngine(host.engine, was.engine)
  );
}

function isSameEngine(engine: HostEngine, was: HostEngine): boolean {
  return (
    engine.command === was.command &&
    engine.agentPhase === was.agentPhase &&
    engine.phaseSince === was.phaseSince &&
    engine.progressedAt === was.progressedAt &&
    engine.slotsLeft === was.slotsLeft &&
    engine.drainingSince === was.drainingSince &&
    engine.unhealthySince === was.unhealthySince &&
    engine.target === was.target &&
    engine.failureHandled === was.failureHandled &&
    engine.absent === was.absent &&
    engine.holds === was.holds &&
    engine.targetSlots === was.targetSlots &&
    engine.timings === was.timings
  );
}
