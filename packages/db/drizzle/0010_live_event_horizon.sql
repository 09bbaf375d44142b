-- compatible-since: 1
-- An id is given out before its transaction commits, so an event may appear behind one that a client has seen already. Each event
-- says who wrote it and which transactions were over by then: whoever resumes after it is also sent what the others wrote.
-- Nothing is in the middle of being written while this holds the table, so what is there counts as long over.
ALTER TABLE live_events
  ADD COLUMN written_by xid8 NOT NULL DEFAULT '0',
  ADD COLUMN horizon xid8 NOT NULL DEFAULT pg_snapshot_xmin(pg_current_snapshot());
ALTER TABLE live_events ALTER COLUMN written_by SET DEFAULT pg_current_xact_id();
