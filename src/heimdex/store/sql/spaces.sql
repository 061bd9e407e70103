-- Embedding spaces. {relation}, {dim}, {name} and {parts} are filled in as quoted identifiers and literals.

-- name: exists
SELECT 1 FROM pg_class WHERE oid = to_regclass(quote_ident(%(relation)s));

-- name: create
-- Unit rows; the norm check also keeps NaN out of every comparison.
CREATE TABLE {relation} (
    tenant_id uuid NOT NULL REFERENCES tenant,
    scene_id  uuid NOT NULL,
    frame_no  smallint NOT NULL,
    v         halfvec({dim}) NOT NULL CHECK (l2_norm(v) > 0.5),
    PRIMARY KEY (tenant_id, scene_id, frame_no),
    FOREIGN KEY (tenant_id, scene_id) REFERENCES scene ON DELETE CASCADE
);

-- name: store_inline
ALTER TABLE {relation} ALTER COLUMN v SET STORAGE PLAIN;

-- name: visual_relations
SELECT relname FROM pg_class
WHERE relname LIKE 'emb\_visual\_%%' AND relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace
ORDER BY relname;

-- name: visual_part
SELECT tenant_id, scene_id, frame_no, {name}::text AS relation, v::halfvec AS v FROM {relation}

-- name: visual_view
CREATE OR REPLACE VIEW visual_vectors WITH (security_invoker = true) AS {parts};

-- name: is_settled
-- The space is known, and one of its channel is in use: nothing to do.
SELECT 1 FROM embedding_space
WHERE tenant_id = %(tenant)s AND relation = %(relation)s
  AND EXISTS (SELECT 1 FROM embedding_space a
              WHERE a.tenant_id = %(tenant)s AND a.channel = %(channel)s AND a.active);

-- name: lock_channel
-- Those who change which space is in use take turns.
SELECT pg_advisory_xact_lock(hashtextextended('spaces ' || %(tenant)s::text || %(channel)s, 0));

-- name: introduce
-- The first space of a channel is in use at once.
INSERT INTO embedding_space (tenant_id, relation, channel, model_id, revision, dim, active, activated_at)
SELECT %(tenant)s, %(relation)s, %(channel)s, %(model_id)s, %(revision)s, %(dim)s,
       first.yes, CASE WHEN first.yes THEN now() END
FROM (SELECT NOT EXISTS (SELECT 1 FROM embedding_space a
                         WHERE a.tenant_id = %(tenant)s AND a.channel = %(channel)s AND a.active) AS yes) first
ON CONFLICT (tenant_id, relation) DO UPDATE SET
    active = embedding_space.active OR excluded.active,
    activated_at = coalesce(excluded.activated_at, embedding_space.activated_at);
