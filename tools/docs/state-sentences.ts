import type { DeployState, GenerationState, HostStepState, SandboxState, SlotState, TaskState } from "@valet/shared";

/**
 * For each state: what it means, what ends it, and where it is told, who alone may bring it about. A new state without sentences
 * does not compile.
 */
export type StateSentences<S extends string> = Readonly<Record<S, { entry: string; exit: string }>>;
/** The engine, an operator, an admin, the webhook, a host, an API client… */
export type StateCauses<S extends string> = Readonly<Record<S, string>>;

const stays = "Never: nothing leaves this state.";

export const sandboxSentences: StateSentences<SandboxState> = {
  provisioning: {
    entry: "Registered; its host has not opened a session yet.",
    exit: "Its sandbox worker opens the first session, its host is found unwell, or it is given up.",
  },
  active: {
    entry: "Its session is live and its agent is well: it takes new tasks unless cordoned.",
    exit: "A deploy touches it, health is lost, it is stopped, or it is terminated.",
  },
  deploying: {
    entry: "A deploy changes it. Start-first, it goes on taking tasks meanwhile.",
    exit: "The host step has settled, health is lost, or it is terminated.",
  },
  unhealthy: {
    entry: "It answers, and says that something is wrong; or it has been silent for too long.",
    exit: "It is well again, or an operator stops or terminates it.",
  },
  stopped: {
    entry: "Switched off on purpose; it keeps its disk and its identity.",
    exit: "It is started again, or terminated.",
  },
  terminating: {
    entry: "It is being taken down. A failed try stays here with its reason.",
    exit: "The host is known to be gone.",
  },
  terminated: { entry: "The host is gone; the row stays for the history.", exit: stays },
};

export const slotSentences: StateSentences<SlotState> = {
  offline: {
    entry: "No generation has a browser for it: at first, or after the host or its GH worker went away.",
    exit: "A generation takes it over with a prepared browser, or begins to prepare one.",
  },
  accepting: {
    entry: "A clean context and page are ready: a task can start at once.",
    exit: "A task is reserved for it, its browser is renewed, or its host goes away.",
  },
  reserved: {
    entry: "The control worker has put a task on it; nothing has started.",
    exit: "The sandbox worker acknowledges, or the time to do so runs out and the task goes back at no cost.",
  },
  occupied: {
    entry: "The task was acknowledged and holds a lease.",
    exit: "The attempt ends. The slot stays with its generation, or goes to the newer one at this moment.",
  },
  renewing: {
    entry: "Between two tasks: the old browser and profile go, a new one is prepared. Still counts as capacity in use.",
    exit: "The GH worker reports the new browser ready, or its host goes away.",
  },
};

export const generationSentences: StateSentences<GenerationState> = {
  starting: {
    entry: "The agent has installed and started a release: its processes boot, without a slot.",
    exit: "It is verified and takes over the first slot, or it fails and is ended.",
  },
  serving: {
    entry: "It owns slots and takes new work.",
    exit: "A newer generation takes over its slots, or it is ended.",
  },
  draining: {
    entry: "A newer generation takes all new work; its own tasks run to their end.",
    exit: "Its last task has ended, or a rollback makes it serve again.",
  },
  warm: {
    entry: "Drained, still running, without slots: the quick way back. At most one a sandbox.",
    exit: "A rollback wakes it, the rollback window ends, or a newer one becomes warm.",
  },
  ended: { entry: "Its processes are gone.", exit: stays },
};

export const deploySentences: StateSentences<DeployState> = {
  awaiting_trigger: {
    entry: "A webhook announced a release and auto-deploy is off; admins are told.",
    exit: "Somebody triggers or aborts it, or a newer release supersedes it.",
  },
  awaiting_approval: {
    entry: "A second person must agree first.",
    exit: "It is approved or aborted, or a newer release supersedes it.",
  },
  queued: {
    entry: "Another deploy of the same environment and service is active.",
    exit: "The place is free, it is aborted, or a newer release supersedes it.",
  },
  in_progress: {
    entry:
      "The control worker takes host after host to the release. The only active deploy of its environment and service.",
    exit: "All hosts have settled, somebody intervenes, or a host fails and the failure action decides.",
  },
  paused: {
    entry:
      "An operator paused it, or a failure or drain deadline did. No further host is begun; what is under way settles.",
    exit: "It is resumed, aborted, rolled back or superseded.",
  },
  baking: {
    entry: "All new work runs on the release; old tasks may still be ending.",
    exit: "It has proven itself, or is paused, aborted, rolled back or superseded.",
  },
  completed: { entry: "Every host runs the release and proves it by digest.", exit: stays },
  failed: {
    entry: "It could not go on, and the failure action was not to roll back.",
    exit: "Somebody retries it or rolls it back.",
  },
  aborting: {
    entry: "An operator aborted it: each host with an unsettled effect is sent a fencing command.",
    exit: "Each such host has answered, or is cordoned as unreachable.",
  },
  aborted: { entry: "Stopped where it was; nothing was rolled back.", exit: stays },
  superseded: { entry: "A newer deploy of the same environment and service took over.", exit: stays },
  rolling_back: {
    entry: "The hosts go back to the last completed release, warm generations first.",
    exit: "Every host is back, or one cannot go back.",
  },
  rollback_paused: {
    entry: "A host could not go back. A rollback is never rolled back: a person decides.",
    exit: "It is resumed or aborted.",
  },
  rolled_back: { entry: "Every touched host runs the release it ran before.", exit: stays },
};

/** The API writes down an operator's wish; the engine in the control worker makes every move after the first. */
export const deployCauses: StateCauses<DeployState> = {
  awaiting_trigger: "the pipeline's webhook",
  awaiting_approval: "the engine, after an operator's trigger or create",
  queued: "an operator (create), the webhook where auto-deploy is on, the engine once approved by a second person",
  in_progress: "the engine; on an operator's resume or retry",
  paused: "an operator; the engine at a failure, a drain deadline, an inconclusive analysis or a freeze",
  baking: "the engine",
  completed: "the engine, from what hosts report",
  failed: "the engine, from what hosts report",
  aborting: "an operator",
  aborted: "an operator before its start; the engine once every host has answered",
  superseded: "the engine, for a newer deploy",
  rolling_back: "an operator; the engine, as failureAction and autoRevert say",
  rollback_paused: "the engine, from what hosts report",
  rolled_back: "the engine, from what hosts report",
};

export const hostStepSentences: StateSentences<HostStepState> = {
  pending: { entry: "Its turn has not come.", exit: "The deploy begins this host, or leaves it out." },
  starting: {
    entry: "Start-first: the agent fetches, verifies and starts the new generation beside the old one.",
    exit: "Its processes run, or could not be started.",
  },
  cordoned: {
    entry: "Stop-first: the sandbox gets no new tasks, held by this deploy.",
    exit: "The drain begins; when the deploy is taken over, the host goes back to pending.",
  },
  draining: {
    entry: "Stop-first: the tasks run to their end. Unreachable is not drained.",
    exit: "Database and host agree that nothing runs, or the drain deadline's action decides.",
  },
  replacing: {
    entry: "Stop-first: the old generation is stopped, then the new one started.",
    exit: "Its processes run, or could not be started.",
  },
  verifying: {
    entry: "It must report the right digest itself, stay healthy for minHealthyMs and run a synthetic browser task.",
    exit: "All of it is proven, or the deadline passes.",
  },
  handing_over: {
    entry: "Start-first: slots change to the new generation one by one, each while it is empty.",
    exit: "No slot outside the new generation takes new work.",
  },
  updated: { entry: "All NEW work on the sandbox runs the new release.", exit: "Only a rollback leaves it." },
  rolling_back: {
    entry: "The generation before takes the slots back, from warm where it still runs.",
    exit: "All new work runs on the release before, or that fails.",
  },
  rolled_back: { entry: "All new work on the sandbox runs the release before again.", exit: stays },
  failed: { entry: "The step could not be done; the reason says why and what to do.", exit: "A retry or a rollback." },
  skipped: { entry: "Left out: not in this deploy, or not needed any more.", exit: "A retry takes it in again." },
};

export const taskSentences: StateSentences<TaskState> = {
  queued: {
    entry: "Submitted, or back in the queue after an attempt that did nothing.",
    exit: "The control worker puts it on a free slot, it is cancelled, or it has waited too long.",
  },
  assigned: {
    entry: "It has a slot and a new fence; nothing has started, and no attempt is counted.",
    exit: "The sandbox worker acknowledges, or the time to do so runs out.",
  },
  running: {
    entry: "Acknowledged: a browser works on it under a lease.",
    exit: "The attempt ends, a person is needed, or the lease is lost.",
  },
  paused: { entry: "It holds still and keeps its lease.", exit: "It goes on, ends, or loses its lease." },
  needs_human: {
    entry: "A person must act in its live page; the lease is kept.",
    exit: "The person is done, the task ends, or its lease is lost.",
  },
  needs_review: {
    entry: "Interrupted after a write step may have happened: running it again by itself could submit twice.",
    exit: "A person decides: completed, failed, cancelled or again.",
  },
  completed: { entry: "All steps are done; the result is kept.", exit: stays },
  failed: { entry: "A step failed, and no attempt is left or a new one would not be safe.", exit: stays },
  cancelled: { entry: "Cancelled; when it was running, its browser was stopped first.", exit: stays },
  timed_out: { entry: "It ran longer than its timeoutMs.", exit: stays },
  expired: { entry: "It waited in the queue longer than its queueTimeoutMs.", exit: stays },
};

/** Only the control worker assigns; only the attempt with the newest fence ends a task. */
export const taskCauses: StateCauses<TaskState> = {
  queued: "an API client; the control worker after an attempt that did nothing; an operator (review)",
  assigned: "the control worker",
  running: "the sandbox worker (acknowledge); a person or the page, after `paused` or `needs_human`",
  paused: "an API client or operator, through the GH worker",
  needs_human: "the GH worker, at a handoff step",
  needs_review: "the control worker or the API, when a write step was open or done",
  completed: "the GH worker, under the newest fence; an operator (review)",
  failed: "the GH worker, under the newest fence; an operator (review)",
  cancelled: "an API client; an operator (review)",
  timed_out: "the GH worker, under the newest fence",
  expired: "the control worker",
};
