-- compatible-since: 1
-- An environment's rollout.yml, every version of it; the newest counts. `source` is the text as it was given, `config` what it means.
CREATE TABLE environment_configs (
  environment text NOT NULL CHECK (environment IN ('dev', 'staging', 'production')),
  version bigint NOT NULL,
  source text NOT NULL,
  config jsonb NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (environment, version)
);
-- Who let a deploy go ahead, each person once.
CREATE TABLE deploy_approvals (
  deploy_id uuid NOT NULL REFERENCES deploys (id) ON DELETE CASCADE,
  actor text NOT NULL,
  reason text NOT NULL DEFAULT '',
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (deploy_id, actor)
);
ALTER TABLE deploys
  -- How its canary is judged; null: it is not.
  ADD COLUMN analysis jsonb,
  -- Version of the environment's configuration that its knobs were resolved from; null: there was none.
  ADD COLUMN config_version bigint,
  ADD COLUMN required_approvals integer NOT NULL DEFAULT 0,
  -- An admin said so, or it is a rollback: no freeze window holds it.
  ADD COLUMN ignore_freeze boolean NOT NULL DEFAULT false,
  -- Who triggered it, where that is another than who created it; may not approve it either.
  ADD COLUMN asked_by text;
-- A release whose artefact is gone: nothing goes back to it.
ALTER TABLE releases ADD COLUMN pruned_at timestamptz, ADD COLUMN pruned_reason text;
