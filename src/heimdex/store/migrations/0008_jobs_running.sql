-- Every claim looks for jobs in work whose lease has expired: without this, among all that wait.
-- Locks: writes to `job` wait while it is built. Undo: DROP INDEX job_running.

CREATE INDEX job_running ON job (tenant_id, lease_until) WHERE state = 'running';
