-- compatible-since: 1
-- A canary gives only so many of a sandbox's slots to the new generation; null: all of them.
ALTER TABLE sandboxes ADD COLUMN target_slots integer CONSTRAINT sandboxes_target_slots_check CHECK (target_slots >= 1);
