DROP TRIGGER tasks_tell_webhook ON tasks;
DROP FUNCTION tasks_tell_webhook();
DROP TABLE webhook_outbox;
