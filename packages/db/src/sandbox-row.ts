import type {
  BrowserEngine,
  CordonHolderKind,
  Environment,
  GenerationState,
  SandboxState,
  SlotState,
} from "@valet/shared";

export interface CordonRow {
  holderKind: CordonHolderKind;
  holderId: string;
  reason: string;
  createdAt: Date;
}
export interface SlotRow {
  index: number;
  state: SlotState;
  generation: number | null;
  taskId: string | null;
  fence: number | null;
  updatedAt: Date;
}
export interface GenerationRow {
  number: number;
  state: GenerationState;
  imageTag: string;
  imageDigest: string;
  workerBootId: string | null;
  accepting: boolean;
  spareReady: boolean;
  reportedAt: Date;
}

/** A sandbox with everything that hangs on it. `sealedAgentKey` stays inside the control plane. */
export interface SandboxRow {
  id: string;
  name: string;
  environment: Environment;
  instanceId: string;
  publicIp: string;
  agentPort: number;
  instanceType: string;
  browserEngine: BrowserEngine;
  capacity: number;
  labels: Record<string, string>;
  state: SandboxState;
  stateReason: string;
  revision: number;
  reachable: boolean;
  /** Open session, whatever its age. */
  sessionId: string | null;
  /** Its last heartbeat, or of the last session there was. */
  lastSeenAt: Date | null;
  epoch: number;
  targetGeneration: number | null;
  /** At most this many slots go to the target generation; null: all. */
  targetSlots: number | null;
  planRevision: number;
  quarantinedUntil: Date | null;
  sealedAgentKey: string;
  createdAt: Date;
  cordons: CordonRow[];
  slots: SlotRow[];
  /** Ended ones of the last day included, newest first. */
  generations: GenerationRow[];
  activeTaskCount: number;
}

/** SELECT list and FROM of a SandboxRow, as JSON where rows hang on it; `s` is the sandbox. */
export const sandboxSelect = `
  SELECT s.id, s.name, s.environment, s.instance_id AS "instanceId", s.public_ip AS "publicIp", s.agent_port AS "agentPort",
    s.instance_type AS "instanceType", s.browser_engine AS "browserEngine", s.capacity, s.labels, s.state,
    s.state_reason AS "stateReason", s.revision, s.reachable, live.id AS "sessionId",
    coalesce(live.last_heartbeat_at, s.last_seen_at) AS "lastSeenAt", s.epoch, s.target_generation AS "targetGeneration",
    s.target_slots AS "targetSlots",
    s.plan_revision AS "planRevision", s.quarantined_until AS "quarantinedUntil", s.agent_key_sealed AS "sealedAgentKey",
    s.created_at AS "createdAt",
    coalesce((SELECT jsonb_agg(jsonb_build_object('holderKind', c.holder_kind, 'holderId', c.holder_id, 'reason', c.reason,
      'createdAt', c.created_at) ORDER BY c.created_at) FROM cordons c WHERE c.sandbox_id = s.id), '[]') AS cordons,
    coalesce((SELECT jsonb_agg(jsonb_build_object('index', l.index, 'state', l.state, 'generation', l.generation,
      'taskId', l.task_id, 'fence', l.fence, 'updatedAt', l.updated_at) ORDER BY l.index)
      FROM slots l WHERE l.sandbox_id = s.id), '[]') AS slots,
    coalesce((SELECT jsonb_agg(jsonb_build_object('number', g.number, 'state', g.state, 'imageTag', g.image_tag,
      'imageDigest', g.image_digest, 'workerBootId', g.worker_boot_id, 'accepting', g.accepting,
      'spareReady', g.spare_ready, 'reportedAt', g.reported_at) ORDER BY g.number DESC)
      FROM generations g WHERE g.sandbox_id = s.id
        AND (g.state <> 'ended' OR g.reported_at > now() - interval '1 day')), '[]') AS generations
  FROM sandboxes s LEFT JOIN sessions live ON live.sandbox_id = s.id AND live.closed_at IS NULL`;

type Raw = Omit<SandboxRow, "cordons" | "slots" | "generations" | "activeTaskCount"> & {
  cordons: (Omit<CordonRow, "createdAt"> & { createdAt: string })[];
  slots: (Omit<SlotRow, "updatedAt"> & { updatedAt: string })[];
  generations: (Omit<GenerationRow, "reportedAt"> & { reportedAt: string })[];
};
export type RawSandboxRow = Raw;

/** Times inside the JSON become dates; busy slots are counted. */
export function sandboxOf(raw: Raw): SandboxRow {
  return {
    ...raw,
    cordons: raw.cordons.map((c) => ({ ...c, createdAt: new Date(c.createdAt) })),
    slots: raw.slots.map((s) => ({ ...s, updatedAt: new Date(s.updatedAt) })),
    generations: raw.generations.map((g) => ({ ...g, reportedAt: new Date(g.reportedAt) })),
    activeTaskCount: raw.slots.filter((s) => s.taskId !== null).length,
  };
}
