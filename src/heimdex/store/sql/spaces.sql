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

-- name: is_active
SELECT 1 FROM embedding_space WHERE tenant_id = %(tenant)s AND relation = %(relation)s AND active;

-- name: deactivate
UPDATE embedding_space SET active = false WHERE tenant_id = %(tenant)s AND channel = %(channel)s AND active;

-- name: activate
INSERT INTO embedding_space (tenant_id, relation, channel, model_id, revision, dim, active)
VALUES (%(tenant)s, %(relation)s, %(channel)s, %(model_id)s, %(revision)s, %(dim)s, true)
ON CONFLICT (tenant_id, relation) DO UPDATE SET active = true;
