ALTER TABLE live_events DROP COLUMN written_by, DROP COLUMN horizon;
