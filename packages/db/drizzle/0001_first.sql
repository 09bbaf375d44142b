-- The whole first schema. Times are timestamptz on the database's own clock.
CREATE TABLE valet_meta (
  key text PRIMARY KEY,
  value text NOT NULL
);

CREATE TABLE tenants (
  id text PRIMARY KEY,
  name text NOT NULL,
  -- Bumped at each reservation: round-robin takes the tenant served longest ago first.
  last_served bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

CREATE TABLE api_tokens (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id text NOT NULL REFERENCES tenants (id),
  role text NOT NULL CHECK (role IN ('client', 'viewer', 'operator', 'admin')),
  name text NOT NULL,
  token_hash text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz
);

-- One-time login links: the token is in the link, its hash here.
CREATE TABLE login_links (
  token_hash text PRIMARY KEY,
  tenant_id text NOT NULL REFERENCES tenants (id),
  role text NOT NULL CHECK (role IN ('client', 'viewer', 'operator', 'admin')),
  expires_at timestamptz NOT NULL,
  used_at timestamptz
);

CREATE TABLE sandboxes (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL,
  environment text NOT NULL CHECK (environment IN ('dev', 'staging', 'production')),
  instance_id text NOT NULL UNIQUE,
  public_ip text NOT NULL,
  agent_port integer NOT NULL DEFAULT 8000,
  instance_type text NOT NULL,
  browser_engine text NOT NULL CHECK (browser_engine IN ('chromium', 'adspower')),
  capacity integer NOT NULL CHECK (capacity BETWEEN 1 AND 100),
  labels jsonb NOT NULL DEFAULT '{}',
  state text NOT NULL DEFAULT 'provisioning' CHECK (state IN ('provisioning', 'active', 'deploying', 'unhealthy', 'stopped', 'terminating', 'terminated')),
  state_reason text NOT NULL DEFAULT '',
  revision bigint NOT NULL DEFAULT 1,
  reachable boolean NOT NULL DEFAULT false,
  last_seen_at timestamptz,
  -- Order of commands to this sandbox; the last one given out.
  epoch bigint NOT NULL DEFAULT 0,
  -- Freed slots go to this generation.
  target_generation integer,
  -- Grows when slots, target or drain change: wakes the session's long-poll.
  plan_revision bigint NOT NULL DEFAULT 1,
  unacknowledged_in_a_row integer NOT NULL DEFAULT 0,
  quarantined_until timestamptz,
  token_hash text NOT NULL UNIQUE,
  -- Key that signs commands to this sandbox's agent; sealed with the control plane's key (AES-256-GCM).
  agent_key_sealed text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 60);
CREATE INDEX sandboxes_environment ON sandboxes (environment, state);

CREATE TABLE cordons (
  sandbox_id uuid NOT NULL REFERENCES sandboxes (id) ON DELETE CASCADE,
  holder_kind text NOT NULL CHECK (holder_kind IN ('operator', 'deploy', 'health')),
  holder_id text NOT NULL,
  reason text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sandbox_id, holder_kind, holder_id)
);

CREATE TABLE sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  sandbox_id uuid NOT NULL REFERENCES sandboxes (id) ON DELETE CASCADE,
  boot_id text NOT NULL,
  version text NOT NULL,
  wire integer NOT NULL,
  opened_at timestamptz NOT NULL DEFAULT now(),
  last_heartbeat_at timestamptz NOT NULL DEFAULT now(),
  closed_at timestamptz
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX sessions_one_live ON sessions (sandbox_id) WHERE closed_at IS NULL;

CREATE TABLE releases (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  service text NOT NULL CHECK (service IN ('ghosthands', 'valet-worker', 'agent', 'valet-control', 'valet-api', 'valet-web')),
  version text NOT NULL,
  image text NOT NULL DEFAULT '',
  image_tag text NOT NULL,
  image_digest text,
  commit_sha text,
  commit_message text,
  repository text,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX releases_by_tag ON releases (service, image_tag);

-- What hosts of an environment may take work on. The last good release, and the one being deployed.
CREATE TABLE allowed_releases (
  environment text NOT NULL,
  service text NOT NULL,
  image_digest text NOT NULL,
  reason text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (environment, service, image_digest)
);

CREATE TABLE generations (
  sandbox_id uuid NOT NULL REFERENCES sandboxes (id) ON DELETE CASCADE,
  number integer NOT NULL,
  state text NOT NULL CHECK (state IN ('starting', 'serving', 'draining', 'warm', 'ended')),
  image_tag text NOT NULL,
  image_digest text NOT NULL,
  worker_boot_id text,
  -- When this boot of the GH worker was first reported: its complete inventory counts as proof a little later.
  boot_seen_at timestamptz,
  accepting boolean NOT NULL DEFAULT false,
  spare_ready boolean NOT NULL DEFAULT false,
  reported_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sandbox_id, number)
) WITH (fillfactor = 50);

CREATE TABLE tasks (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id text NOT NULL REFERENCES tenants (id),
  environment text NOT NULL,
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'assigned', 'running', 'paused', 'needs_human', 'needs_review', 'completed', 'failed', 'cancelled', 'timed_out', 'expired')),
  state_reason text NOT NULL DEFAULT '',
  spec jsonb NOT NULL,
  step_count integer NOT NULL,
  steps_done integer NOT NULL DEFAULT 0,
  priority integer NOT NULL DEFAULT 0,
  -- Labels a sandbox must have; '{}' for any. Kept beside spec so that reserve need not open it.
  placement_labels jsonb NOT NULL DEFAULT '{}',
  placement_sandbox_id uuid,
  -- Labels and sandbox as one text, '' for anywhere: tasks that can go to the same places share it.
  placement_key text NOT NULL DEFAULT '',
  avoid_sandbox_ids uuid[] NOT NULL DEFAULT '{}',
  restart text NOT NULL DEFAULT 'review' CHECK (restart IN ('review', 'safe')),
  max_attempts integer NOT NULL DEFAULT 3,
  attempt_count integer NOT NULL DEFAULT 0,
  interruptions integer NOT NULL DEFAULT 0,
  -- Newest fence given to an attempt of this task; 0 before the first.
  fence bigint NOT NULL DEFAULT 0,
  cancel_requested boolean NOT NULL DEFAULT false,
  result jsonb,
  error jsonb,
  metadata jsonb NOT NULL DEFAULT '{}',
  webhook_url text,
  sandbox_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  enqueued_at timestamptz NOT NULL DEFAULT now(),
  -- enqueued_at minus priority seconds: the place in the queue; null while not in it. The indexes of the queue look at this
  -- and not at state, so that later changes of state stay off every index (HOT).
  queue_key timestamptz,
  queue_timeout_ms integer NOT NULL DEFAULT 3600000,
  queue_expires_at timestamptz NOT NULL,
  started_at timestamptz,
  ended_at timestamptz,
  -- A queued task that the queue does not show cannot be.
  CONSTRAINT tasks_queued_has_key CHECK ((state = 'queued') = (queue_key IS NOT NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX tasks_queue ON tasks (environment, placement_key, tenant_id, queue_key) WHERE queue_key IS NOT NULL;
CREATE INDEX tasks_queue_expiry ON tasks (queue_expires_at) WHERE queue_key IS NOT NULL;
CREATE INDEX tasks_list ON tasks (created_at DESC);
CREATE INDEX tasks_by_tenant ON tasks (tenant_id, created_at DESC);

CREATE TABLE slots (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  sandbox_id uuid NOT NULL REFERENCES sandboxes (id) ON DELETE CASCADE,
  index integer NOT NULL,
  generation integer,
  state text NOT NULL DEFAULT 'offline' CHECK (state IN ('offline', 'accepting', 'reserved', 'occupied', 'renewing')),
  -- No foreign key here or on the other rows a task touches on its way: those checks cost more than the writes themselves,
  -- and tasks and sandboxes are never deleted by hand.
  task_id uuid,
  fence bigint,
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (sandbox_id, index),
  CONSTRAINT slots_busy_has_task CHECK ((state IN ('reserved', 'occupied')) = (task_id IS NOT NULL))
  -- No index on state: four updates a task stay HOT in a table this small.
) WITH (fillfactor = 30, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- Every change of a slot, written by a trigger: capacity is read from here afterwards, not from counters. `gone`: the slot was removed.
CREATE TABLE slot_changes (
  id bigint GENERATED ALWAYS AS IDENTITY,
  sandbox_id uuid NOT NULL,
  index integer NOT NULL,
  generation integer,
  state text NOT NULL,
  task_id uuid,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX slot_changes_by_slot ON slot_changes (sandbox_id, index, at);
CREATE FUNCTION slots_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO slot_changes (sandbox_id, index, generation, state, task_id)
    SELECT n.sandbox_id, n.index, n.generation, n.state, n.task_id FROM new_rows n JOIN old_rows o USING (id)
    WHERE n.state <> o.state OR n.generation IS DISTINCT FROM o.generation;
  ELSIF TG_OP = 'INSERT' THEN
    INSERT INTO slot_changes (sandbox_id, index, generation, state, task_id)
    SELECT sandbox_id, index, generation, state, task_id FROM new_rows;
  ELSE
    INSERT INTO slot_changes (sandbox_id, index, generation, state)
    SELECT sandbox_id, index, generation, 'gone' FROM old_rows;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER slots_log_insert AFTER INSERT ON slots
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION slots_log();
CREATE TRIGGER slots_log_update AFTER UPDATE ON slots
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION slots_log();
CREATE TRIGGER slots_log_delete AFTER DELETE ON slots
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION slots_log();

CREATE TABLE attempts (
  task_id uuid NOT NULL,
  fence bigint NOT NULL,
  lease_id text NOT NULL,
  -- Counts acknowledged attempts from 1; 0 while reserved.
  number integer NOT NULL DEFAULT 0,
  sandbox_id uuid NOT NULL,
  slot_index integer NOT NULL,
  generation integer NOT NULL,
  worker_boot_id text,
  reserved_at timestamptz NOT NULL DEFAULT now(),
  acknowledged_at timestamptz,
  lease_expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  outcome text CHECK (outcome IN ('completed', 'failed', 'cancelled', 'timed_out', 'unacknowledged', 'interrupted', 'lost')),
  reason text,
  PRIMARY KEY (task_id, fence)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- No index on lease_expires_at: a renewal stays HOT, and only open attempts are ever looked through.
CREATE INDEX attempts_open ON attempts (sandbox_id) WHERE ended_at IS NULL;
CREATE INDEX attempts_ended ON attempts (ended_at) WHERE ended_at IS NOT NULL;
-- Two open attempts of one task cannot be.
CREATE UNIQUE INDEX attempts_one_open ON attempts (task_id) WHERE ended_at IS NULL;

CREATE TABLE permits (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  task_id uuid NOT NULL,
  fence bigint NOT NULL,
  step_index integer NOT NULL,
  -- Only this boot of the GH worker knows whether it used the permit.
  worker_boot_id text NOT NULL,
  granted_at timestamptz NOT NULL DEFAULT now(),
  usable_until timestamptz NOT NULL,
  -- Filled when the step's outcome was journalled.
  outcome text,
  outcome_at timestamptz,
  UNIQUE (task_id, fence, step_index)
);

CREATE TABLE task_events (
  id bigint GENERATED ALWAYS AS IDENTITY,
  task_id uuid NOT NULL,
  fence bigint NOT NULL,
  -- From the GH worker's journal, from 1. Events of the control plane itself have negative numbers.
  seq integer NOT NULL,
  type text NOT NULL,
  data jsonb NOT NULL DEFAULT '{}',
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (task_id, fence, seq)
);

CREATE TABLE artifacts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  fence bigint NOT NULL,
  name text NOT NULL,
  content_type text NOT NULL,
  sha256 text NOT NULL,
  content bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (task_id, fence, name)
);

CREATE TABLE idempotency_keys (
  tenant_id text NOT NULL REFERENCES tenants (id),
  key text NOT NULL,
  body_hash text NOT NULL,
  task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, key)
);

CREATE TABLE settings (
  environment text PRIMARY KEY,
  auto_deploy boolean NOT NULL DEFAULT false
);

CREATE TABLE deploys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  environment text NOT NULL,
  service text NOT NULL,
  release_id uuid NOT NULL REFERENCES releases (id),
  image_tag text NOT NULL,
  image_digest text,
  previous_tag text,
  previous_digest text,
  state text NOT NULL CHECK (state IN ('awaiting_trigger', 'awaiting_approval', 'queued', 'in_progress', 'paused', 'baking', 'completed', 'failed', 'aborting', 'aborted', 'superseded', 'rolling_back', 'rollback_paused', 'rolled_back')),
  state_reason text NOT NULL DEFAULT '',
  revision bigint NOT NULL DEFAULT 1,
  knobs jsonb NOT NULL,
  waiting_on jsonb NOT NULL DEFAULT '[]',
  -- An operator's wish the engine has not taken up yet: pause, resume, abort, rollback ... with actor and reason.
  request jsonb,
  -- The engine's own working state beside the host steps (clocks, counters); opaque to SQL.
  engine jsonb NOT NULL DEFAULT '{}',
  trigger text NOT NULL,
  created_by text NOT NULL,
  -- Only these sandboxes; null for the whole environment.
  sandbox_ids uuid[],
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  ended_at timestamptz
);
CREATE UNIQUE INDEX deploys_one_active ON deploys (environment, service)
  WHERE state IN ('in_progress', 'paused', 'baking', 'aborting', 'rolling_back', 'rollback_paused');
CREATE INDEX deploys_list ON deploys (created_at DESC);
CREATE INDEX deploys_completed ON deploys (environment, service, ended_at DESC) WHERE state = 'completed';

CREATE TABLE deploy_hosts (
  deploy_id uuid NOT NULL REFERENCES deploys (id) ON DELETE CASCADE,
  sandbox_id uuid NOT NULL REFERENCES sandboxes (id),
  position integer NOT NULL,
  step text NOT NULL CHECK (step IN ('pending', 'starting', 'cordoned', 'draining', 'replacing', 'verifying', 'handing_over', 'updated', 'rolling_back', 'rolled_back', 'failed', 'skipped')),
  host_order text NOT NULL CHECK (host_order IN ('start-first', 'stop-first')),
  reason text NOT NULL DEFAULT '',
  -- Epoch of the command this step stands on; the host refuses any that is not newer than its ledger.
  epoch bigint,
  old_generation integer,
  new_generation integer,
  reported_digest text,
  engine jsonb NOT NULL DEFAULT '{}',
  started_at timestamptz,
  ended_at timestamptz,
  PRIMARY KEY (deploy_id, sandbox_id)
);

CREATE TABLE deploy_decisions (
  deploy_id uuid NOT NULL REFERENCES deploys (id) ON DELETE CASCADE,
  seq bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor text NOT NULL,
  summary text NOT NULL,
  data jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (deploy_id, seq)
);

CREATE TABLE webhook_receipts (
  body_sha256 text PRIMARY KEY,
  run_key text NOT NULL,
  sent_at timestamptz NOT NULL,
  deploy_id uuid REFERENCES deploys (id),
  received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_receipts_run ON webhook_receipts (run_key);

-- Append-only and hash-chained: hash = sha256(prev_hash || canonical JSON of the row).
CREATE TABLE audit_log (
  seq bigint PRIMARY KEY,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  data jsonb NOT NULL,
  prev_hash text NOT NULL,
  hash text NOT NULL
);
CREATE FUNCTION audit_log_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_log is append-only';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_append_only();

-- What the dashboard shows live; kept a day. A reconnecting client continues after its last id.
CREATE TABLE live_events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  type text NOT NULL,
  -- Who may see it: 'admin' or a tenant id.
  audience text NOT NULL,
  payload jsonb NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);

-- Proof that control workers and APIs were awake: a gap here restarts every lease's grace.
CREATE TABLE control_heartbeats (
  id text PRIMARY KEY,
  kind text NOT NULL DEFAULT 'control' CHECK (kind IN ('control', 'api')),
  at timestamptz NOT NULL,
  -- When its kind was last found awake again after a gap; leases get their full time from here.
  resumed_at timestamptz
) WITH (fillfactor = 50);
