-- Jobs: one a path, handed out under leases. The attempt is counted when a job is handed out, so that
-- a worker that dies counts; results are taken only from the holder of the token (heimdex.store.jobs).
-- Also when a file's folder was last found gone. Locks: adding a column to `file` is instant.
-- Undo: DROP TABLE job, queue; ALTER TABLE file DROP COLUMN gone_since, DROP COLUMN offline.

CREATE TABLE job (
    tenant_id   uuid NOT NULL REFERENCES tenant,
    job_id      uuid NOT NULL,
    path_key    bytea NOT NULL,
    path        bytea NOT NULL,
    -- of the file as it was hashed; empty until then
    size_bytes  bigint NOT NULL DEFAULT 0,
    mtime_ns    bigint NOT NULL DEFAULT 0,
    sha256      text NOT NULL DEFAULT '',
    step        text NOT NULL,
    state       text NOT NULL CHECK
        (state IN ('pending', 'running', 'paused', 'done', 'failed', 'quarantined', 'cancelled')),
    priority    integer NOT NULL,
    -- of the request that asked last: a request may work on its own jobs alone
    batch       uuid NOT NULL,
    forced      boolean NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    failures    integer NOT NULL DEFAULT 0,
    not_before  timestamptz NOT NULL DEFAULT '-infinity',
    worker      uuid,
    -- kept when a result was taken, so that handing it in twice does no harm; cleared when the lease is taken away
    token       uuid,
    lease_until timestamptz,
    progress    real NOT NULL DEFAULT 0,
    problem     text NOT NULL DEFAULT '',
    outcome     jsonb,
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, job_id),
    UNIQUE (tenant_id, path_key),
    CHECK (state <> 'running' OR (token IS NOT NULL AND worker IS NOT NULL AND lease_until IS NOT NULL))
);
CREATE INDEX job_due ON job (tenant_id, step, priority DESC, job_id) WHERE state IN ('pending', 'running');
CREATE INDEX job_content ON job (tenant_id, sha256) WHERE state IN ('pending', 'running') AND sha256 <> '';

-- A row only where somebody paused the whole queue.
CREATE TABLE queue (
    tenant_id uuid PRIMARY KEY REFERENCES tenant,
    paused    boolean NOT NULL
);

CALL keep_tenants_apart('job');
CALL keep_tenants_apart('queue');

-- A file that is not there now: `offline` when its folder is not there either (a drive that was unplugged).
ALTER TABLE file ADD COLUMN gone_since timestamptz, ADD COLUMN offline boolean NOT NULL DEFAULT false;
