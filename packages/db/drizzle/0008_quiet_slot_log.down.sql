CREATE OR REPLACE FUNCTION slots_log() RETURNS trigger LANGUAGE plpgsql AS $$
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
