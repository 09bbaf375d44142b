ALTER TABLE tasks SET (fillfactor = 70);
ALTER TABLE attempts SET (fillfactor = 70);
