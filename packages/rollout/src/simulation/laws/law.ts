/** Every law of the system that the simulator holds it to, in the words of the people who asked for it. */
export const laws = {
  noTaskLost: "no task is lost: each one ends, is reviewed, or waits in the queue",
  oneOutcome: "no task has two terminal outcomes",
  noWriteUnderDeadFence: "no write step is executed under a dead fence",
  noWriteTwice: "no write step is done twice unless the task says that this is safe",
  slotsWithinCapacity: "busy and accepting slots stay within capacity",
  maxUnavailable: "at most maxUnavailable hosts are down by our doing",
  epochOrder: "no command is obeyed out of epoch order",
  savedBeforePerformed: "nothing is performed before it was saved",
  oneActiveDeploy: "one deploy is active an environment and service",
  legalMoves: "deploys and hosts move along their tables only",
  noStuckDeploy: "a deploy always ends or says whom it waits for",
  badReleaseContained: "a bad release touches no more hosts than its first wave",
  rollbackNeverRollsBack: "a rollback is never rolled back",
  backWithinMaxUnavailable: "a rollback takes no more hosts out of service at once than maxUnavailable allows",
  attestedOnly: "a host is updated only with the attested digest",
  updatedMeansNewWork: "updated means that all new work runs the new release",
  completedMeansDone: "a deploy completes only after the last old task has ended",
  digestPinned: "the digest of a deploy, once pinned, never changes",
  oneWarmGeneration: "at most one generation a sandbox is warm",
  cordonOfAnother: "the cordon of one holder is never lifted by another",
  cordonStands: "a host that is being replaced is held out of service",
  requestAnswered: "an operator's wish is taken up or refused with a reason, never forgotten",
  noTaskKilled: "no task is interrupted unless the drain deadline's action says so",
  allowedReleasesOnly: "new work goes to allowed releases on hosts without a cordon",
  freezeKept: "nothing begins while a freeze forbids it, and no rollback waits for one",
  approvedByOthers: "a deploy goes on only with the approvals it needs, never its author's own",
  oneChangeAtATime: "one change at a time a sandbox, across services",
  sharedUnavailable: "maxUnavailable is shared by all services",
  memoryHolds: "no generation is started beside others where the memory does not hold it",
  shapeStands: "no contract migration runs while any running, draining or rollback-window release needs the old shape",
  anyWayCounts: "a host is unknown only when no way to its agent stands",
  neverThrows: "a decision never breaks",
} as const;
export type LawName = keyof typeof laws;

export interface Violation {
  law: LawName;
  sentence: string;
  atMs: number;
  what: string;
}
