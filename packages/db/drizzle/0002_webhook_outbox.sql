-- compatible-since: 1
-- What a client's webhook is to be told. Filled in the very transaction that ends a task, so that no end goes untold and no
-- end that was rolled back is told. The control worker moves rows to its job queue, again in one transaction.
CREATE TABLE webhook_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  task_id uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  state text NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION tasks_tell_webhook() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO webhook_outbox (task_id, state) VALUES (NEW.id, NEW.state);
  PERFORM pg_notify('valet_outbox', '');
  RETURN NULL;
END $$;
-- Ends and the two states that wait for a person; never a task that goes back to the queue.
CREATE TRIGGER tasks_tell_webhook AFTER UPDATE OF state ON tasks FOR EACH ROW
  WHEN (NEW.webhook_url IS NOT NULL AND NEW.state IS DISTINCT FROM OLD.state
    AND NEW.state IN ('completed', 'failed', 'cancelled', 'timed_out', 'expired', 'needs_review', 'needs_human'))
  EXECUTE FUNCTION tasks_tell_webhook();
