-- The queue. A job is handed out by `due` and `take` in one transaction; `token` proves who holds it.

-- name: relaxed
-- What is lost with the last half second of a server that crashes is done again, so nobody waits for the disk.
SELECT set_config('synchronous_commit', 'off', true);

-- name: enqueue
-- A job that runs goes on; one that waits or is over starts anew.
INSERT INTO job AS j (tenant_id, job_id, path_key, path, step, state, priority, batch, forced)
VALUES (%(tenant)s, %(job_id)s, %(path_key)s, %(path)s, %(step)s, 'pending', %(priority)s, %(batch)s, %(forced)s)
ON CONFLICT (tenant_id, path_key) DO UPDATE SET
    batch = excluded.batch,
    priority = CASE WHEN j.state IN ('pending', 'running') THEN greatest(j.priority, excluded.priority)
                    ELSE excluded.priority END,
    forced = excluded.forced OR (j.forced AND j.state IN ('pending', 'running', 'paused')),
    state = CASE WHEN j.state = 'running' THEN 'running' ELSE 'pending' END,
    step = CASE WHEN j.state IN ('running', 'pending', 'paused') THEN j.step ELSE excluded.step END,
    sha256 = CASE WHEN j.state IN ('running', 'pending', 'paused') THEN j.sha256 ELSE '' END,
    attempts = CASE WHEN j.state IN ('running', 'pending') THEN j.attempts ELSE 0 END,
    failures = CASE WHEN j.state = 'running' THEN j.failures ELSE 0 END,
    problem = CASE WHEN j.state = 'running' THEN j.problem ELSE '' END,
    outcome = CASE WHEN j.state = 'running' THEN j.outcome ELSE NULL END,
    progress = CASE WHEN j.state = 'running' THEN j.progress ELSE 0 END,
    created_at = CASE WHEN j.state IN ('pending', 'running', 'paused') THEN j.created_at ELSE now() END,
    not_before = '-infinity', changed_at = now()
RETURNING job_id;

-- name: adopt
UPDATE job SET batch = %(batch)s
WHERE tenant_id = %(tenant)s AND job_id = ANY (%(ids)s) AND state IN ('pending', 'running') AND batch <> %(batch)s
RETURNING 1;

-- name: is_paused
SELECT 1 FROM queue WHERE tenant_id = %(tenant)s AND paused;

-- name: worn_out
-- Handed out too often without an answer: the file is set aside.
UPDATE job SET state = 'quarantined', token = NULL, worker = NULL, lease_until = NULL, changed_at = now(),
               problem = %(problem)s
WHERE tenant_id = %(tenant)s AND job_id IN (
    SELECT job_id FROM job
    WHERE tenant_id = %(tenant)s AND state = 'running' AND lease_until < now() AND attempts >= %(attempts)s
    FOR UPDATE SKIP LOCKED)
RETURNING path, size_bytes, mtime_ns, sha256;

-- name: due
-- Copies of one content take turns: the first does the work, the others are linked to it.
SELECT job_id FROM job j
WHERE tenant_id = %(tenant)s AND step = %(step)s AND (%(batch)s::uuid IS NULL OR batch = %(batch)s)
  AND (state = 'pending' AND not_before <= now() OR state = 'running' AND lease_until < now() AND attempts < %(attempts)s)
  AND NOT EXISTS (
      SELECT 1 FROM job o
      WHERE o.tenant_id = j.tenant_id AND o.sha256 = j.sha256 AND o.sha256 <> '' AND o.job_id <> j.job_id
        AND (o.state = 'running' AND o.lease_until >= now() OR o.state IN ('pending', 'running') AND o.job_id < j.job_id))
ORDER BY priority DESC, job_id
LIMIT 1 FOR UPDATE OF j SKIP LOCKED;

-- name: take
UPDATE job SET state = 'running', attempts = attempts + 1, token = %(token)s, worker = %(worker)s,
               lease_until = now() + %(lease_s)s * interval '1 second', progress = 0, changed_at = now()
WHERE tenant_id = %(tenant)s AND job_id = %(job_id)s
RETURNING {columns};

-- name: taken
SELECT {columns} FROM job WHERE tenant_id = %(tenant)s AND token = %(token)s AND state = 'running';

-- name: note_content
UPDATE job SET size_bytes = %(size_bytes)s, mtime_ns = %(mtime_ns)s, sha256 = %(sha256)s
WHERE tenant_id = %(tenant)s AND job_id = %(job_id)s AND token = %(token)s AND state = 'running' RETURNING 1;

-- name: same_content
SELECT 1 FROM job o
WHERE o.tenant_id = %(tenant)s AND o.sha256 = %(sha256)s AND o.sha256 <> '' AND o.job_id <> %(job_id)s
  AND (o.state = 'running' AND o.lease_until >= now() OR o.state IN ('pending', 'running') AND o.job_id < %(job_id)s)
LIMIT 1;

-- name: settle
UPDATE job SET state = %(state)s, step = coalesce(%(next_step)s, step), outcome = %(outcome)s, problem = %(problem)s,
               not_before = now() + %(delay_s)s * interval '1 second',
               attempts = CASE WHEN %(uncounted)s THEN greatest(attempts - 1, 0) ELSE 0 END,
               failures = CASE WHEN %(failed)s THEN failures + 1 WHEN %(uncounted)s THEN failures ELSE 0 END,
               forced = forced AND %(state)s IN ('pending', 'failed'), progress = 0,
               worker = NULL, lease_until = NULL, changed_at = now()
WHERE tenant_id = %(tenant)s AND job_id = %(job_id)s AND token = %(token)s AND state = 'running' RETURNING 1;

-- name: settled_before
-- The answer to an earlier commit was lost: the job is where this token has left it.
SELECT 1 FROM job WHERE tenant_id = %(tenant)s AND job_id = %(job_id)s AND token = %(token)s AND state <> 'running';

-- name: renew
UPDATE job j SET lease_until = now() + %(lease_s)s * interval '1 second', progress = held.progress
FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(progress)s::real[]) AS held (job_id, token, progress)
WHERE j.tenant_id = %(tenant)s AND j.job_id = held.job_id AND j.token = held.token AND j.state = 'running'
RETURNING j.job_id;

-- name: release_dead
UPDATE job SET lease_until = '-infinity'
WHERE tenant_id = %(tenant)s AND state = 'running' AND worker = ANY (%(workers)s) RETURNING 1;

-- name: find
SELECT {columns} FROM job WHERE tenant_id = %(tenant)s AND job_id = ANY (%(ids)s) ORDER BY job_id;

-- name: find_paths
SELECT {columns} FROM job WHERE tenant_id = %(tenant)s AND path_key = ANY (%(path_keys)s) ORDER BY job_id;

-- name: list
SELECT {columns} FROM job
WHERE tenant_id = %(tenant)s AND state = ANY (%(states)s)
ORDER BY array_position(ARRAY['running', 'pending', 'paused', 'failed', 'quarantined', 'cancelled', 'done'], state),
         priority DESC, job_id
LIMIT %(limit)s;

-- name: counts
SELECT state, count(*) FROM job WHERE tenant_id = %(tenant)s GROUP BY state;

-- name: oldest
SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM job
WHERE tenant_id = %(tenant)s AND state = 'pending';

-- name: contents
-- Contents whose files on disk somebody still needs.
SELECT DISTINCT sha256 FROM job
WHERE tenant_id = %(tenant)s AND sha256 <> '' AND state IN ('pending', 'running', 'paused', 'failed');

-- name: pause_queue
INSERT INTO queue (tenant_id, paused) VALUES (%(tenant)s, %(paused)s)
ON CONFLICT (tenant_id) DO UPDATE SET paused = excluded.paused;

-- name: pause
UPDATE job SET state = 'paused', token = NULL, worker = NULL, lease_until = NULL, progress = 0, changed_at = now(),
               attempts = CASE WHEN state = 'running' THEN greatest(attempts - 1, 0) ELSE attempts END
WHERE tenant_id = %(tenant)s AND state IN ('pending', 'running') AND job_id = ANY (%(ids)s) RETURNING 1;

-- name: resume
UPDATE job SET state = 'pending', not_before = '-infinity', changed_at = now()
WHERE tenant_id = %(tenant)s AND state = 'paused' AND (%(ids)s::uuid[] IS NULL OR job_id = ANY (%(ids)s)) RETURNING 1;

-- name: cancel
UPDATE job SET state = 'cancelled', token = NULL, worker = NULL, lease_until = NULL, progress = 0, changed_at = now()
WHERE tenant_id = %(tenant)s AND state IN ('pending', 'running', 'paused', 'failed')
  AND (%(ids)s::uuid[] IS NULL OR job_id = ANY (%(ids)s)) RETURNING 1;

-- name: retry
-- Also a file that was refused: it is tried again though nothing about it has changed.
UPDATE job SET state = 'pending', step = %(step)s, attempts = 0, failures = 0, problem = '', outcome = NULL,
               forced = true, not_before = '-infinity', sha256 = '', token = NULL, progress = 0, changed_at = now(),
               created_at = CASE WHEN state = 'pending' THEN created_at ELSE now() END
WHERE tenant_id = %(tenant)s
  AND (state IN ('failed', 'quarantined')
       OR state = 'pending' AND failures > 0
       OR state = 'cancelled' AND %(ids)s::uuid[] IS NOT NULL
       OR state = 'done' AND outcome ->> 'status' = 'unreadable' AND %(ids)s::uuid[] IS NOT NULL)
  AND (%(ids)s::uuid[] IS NULL OR job_id = ANY (%(ids)s)) RETURNING 1;

-- name: forget
DELETE FROM job WHERE tenant_id = %(tenant)s AND path_key = ANY (%(path_keys)s);
