-- compatible-since: 1
-- Half of the slot log said nothing that anybody reads: that a reserved slot became occupied, and that an occupied one is being
-- renewed on the generation it was on. Busy is busy, and a task frees its slot when it accepts again or changes its generation.
CREATE OR REPLACE FUNCTION slots_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO slot_changes (sandbox_id, index, generation, state, task_id)
    SELECT n.sandbox_id, n.index, n.generation, n.state, n.task_id FROM new_rows n JOIN old_rows o USING (id)
    WHERE n.generation IS DISTINCT FROM o.generation
      OR (n.state <> o.state AND (o.state, n.state) NOT IN (('reserved', 'occupied'), ('occupied', 'renewing')));
  ELSIF TG_OP = 'INSERT' THEN
    INSERT INTO slot_changes (sandbox_id, index, generation, state, task_id)
    SELECT sandbox_id, index, generation, state, task_id FROM new_rows;
  ELSE
    INSERT INTO slot_changes (sandbox_id, index, generation, state)
    SELECT sandbox_id, index, generation, 'gone' FROM old_rows;
  END IF;
  RETURN NULL;
END $$;
