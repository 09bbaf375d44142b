DROP TABLE control_heartbeats, live_events, audit_log, webhook_receipts, deploy_decisions, deploy_hosts, deploys, settings,
  idempotency_keys, artifacts, task_events, permits, attempts, slot_changes, slots, tasks, generations, allowed_releases,
  releases, sessions, cordons, sandboxes, login_links, api_tokens, tenants, valet_meta;
DROP FUNCTION slots_log();
DROP FUNCTION audit_log_append_only();
