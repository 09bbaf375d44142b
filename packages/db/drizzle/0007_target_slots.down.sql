ALTER TABLE sandboxes DROP COLUMN target_slots;
