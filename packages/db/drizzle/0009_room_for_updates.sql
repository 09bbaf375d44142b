-- compatible-since: 1
-- A task is written three times on its way and its attempt twice, often all rows of a page in one statement, when the old versions are
-- not yet free. Without room beside them the new ones went to other pages, and each into every index again.
ALTER TABLE tasks SET (fillfactor = 30);
ALTER TABLE attempts SET (fillfactor = 40);
