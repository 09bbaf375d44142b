-- compatible-since: 1
-- Requests to agents whose port nobody can reach, on their way through the API. Both live for seconds: a crash may lose them,
-- and whoever asked asks again with the same epoch.
CREATE UNLOGGED TABLE agent_relays (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  sandbox_id uuid NOT NULL REFERENCES sandboxes (id) ON DELETE CASCADE,
  -- Method, path, signature and body, as they would have gone to port 8000.
  request jsonb NOT NULL,
  -- Status, signature and body; null until the agent answered.
  answer jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  handed_at timestamptz
);
CREATE INDEX agent_relays_waiting ON agent_relays (sandbox_id, created_at) WHERE handed_at IS NULL;

-- Which agents have dialled in, and when they last asked for commands.
CREATE UNLOGGED TABLE agent_links (
  sandbox_id uuid PRIMARY KEY REFERENCES sandboxes (id) ON DELETE CASCADE,
  polled_at timestamptz NOT NULL
) WITH (fillfactor = 50);
