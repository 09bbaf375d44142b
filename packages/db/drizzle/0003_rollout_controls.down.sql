ALTER TABLE releases DROP COLUMN pruned_at, DROP COLUMN pruned_reason;
ALTER TABLE deploys DROP COLUMN analysis, DROP COLUMN config_version, DROP COLUMN required_approvals, DROP COLUMN ignore_freeze,
  DROP COLUMN asked_by;
DROP TABLE deploy_approvals;
DROP TABLE environment_configs;
