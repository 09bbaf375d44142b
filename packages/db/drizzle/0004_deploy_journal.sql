-- compatible-since: 1
-- Enough input to decide again, one row a save of a deploy: replaying them gives the same document at each revision.
CREATE TABLE deploy_journal (
  deploy_id uuid NOT NULL REFERENCES deploys (id) ON DELETE CASCADE,
  -- The revision that this save made.
  revision bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- The engine's clock that the decision was made by.
  now_ms bigint NOT NULL,
  state text NOT NULL,
  -- The deploy's head as it was loaded, and what differs from the observations of the save before.
  input jsonb NOT NULL,
  -- Hash over the head and the hosts that this save changed.
  result text NOT NULL,
  PRIMARY KEY (deploy_id, revision)
);
-- Which save a decision belongs to; null for those of earlier versions.
ALTER TABLE deploy_decisions ADD COLUMN revision bigint;

-- What the control worker last heard of each sandbox's agent. `health` null: it did not answer, and `why`.
CREATE TABLE sandbox_observations (
  sandbox_id uuid PRIMARY KEY REFERENCES sandboxes (id) ON DELETE CASCADE,
  observed_at timestamptz NOT NULL,
  health jsonb,
  why text NOT NULL DEFAULT ''
) WITH (fillfactor = 50);
