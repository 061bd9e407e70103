-- Approximate indexes of vectors (HNSW, pgvector). {relation} is the table of an embedding space, {index} the
-- name of the index, {tenant} the tenant as a literal, since an index cannot hold a parameter. The names are
-- literals too: in a transaction, a statement with parameters keeps its snapshot until the next statement,
-- and CREATE INDEX CONCURRENTLY would wait for it for ever.

-- name: spaces_of_tenant
-- Every space that the tenant has vectors in, with what became of its index.
SELECT a.relation, a.channel, a.model_id, a.dim, sum(c.frames)
FROM embedding_space a
JOIN video_space c ON c.tenant_id = a.tenant_id AND c.relation = a.relation
WHERE a.tenant_id = %(tenant)s
GROUP BY a.relation, a.channel, a.model_id, a.dim
ORDER BY a.channel, a.model_id, a.relation;

-- name: state
-- An index that is being built is not valid yet; one that is not valid and not being built was abandoned.
SELECT i.indisvalid AND i.indisready,
       EXISTS (SELECT 1 FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
FROM pg_index i
WHERE i.indexrelid = to_regclass(quote_ident({index_name})) AND i.indrelid = to_regclass(quote_ident({relation_name}));

-- name: rest
SET LOCAL idle_in_transaction_session_timeout = 0;

-- name: claim
SELECT pg_try_advisory_xact_lock(hashtextextended({index_name}, 0));

-- name: create
-- Only the rows of one tenant: its search never wades through those of others, and writers of small tenants
-- do not pay for it. CONCURRENTLY, so that searches and writers go on.
CREATE INDEX CONCURRENTLY {index} ON {relation} USING hnsw (v halfvec_ip_ops)
WITH (m = 16, ef_construction = 64) WHERE tenant_id = {tenant};

-- name: drop
DROP INDEX CONCURRENTLY IF EXISTS {index};

-- name: progress
SELECT coalesce(max(tuples_done), 0) FROM pg_stat_progress_create_index
WHERE index_relid = to_regclass(quote_ident({index_name}));
