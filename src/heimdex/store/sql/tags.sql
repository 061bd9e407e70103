-- Tags on content.

-- name: contents
SELECT video_id, sha256 FROM video WHERE tenant_id = %(tenant)s AND video_id = ANY (%(video_ids)s);

-- name: add
INSERT INTO content_tag (tenant_id, sha256, tag_key, tag)
SELECT %(tenant)s, c.sha256, %(tag_key)s, %(tag)s FROM unnest(%(contents)s::text[]) AS c (sha256)
ON CONFLICT (tenant_id, sha256, tag_key) DO NOTHING;

-- name: remove
DELETE FROM content_tag WHERE tenant_id = %(tenant)s AND tag_key = %(tag_key)s AND sha256 = ANY (%(contents)s);

-- name: every
-- However often a tag is written, it has one spelling here: the first.
SELECT (array_agg(t.tag ORDER BY t.added_at, t.tag))[1], count(DISTINCT v.video_id)
FROM content_tag t JOIN video v ON v.tenant_id = t.tenant_id AND v.sha256 = t.sha256
WHERE t.tenant_id = %(tenant)s GROUP BY t.tag_key ORDER BY t.tag_key;
