DROP TABLE sandbox_observations;
ALTER TABLE deploy_decisions DROP COLUMN revision;
DROP TABLE deploy_journal;
