-- What a person wants of every search.

-- name: read
SELECT value FROM preference WHERE tenant_id = %(tenant)s AND name = %(name)s;

-- name: save
INSERT INTO preference (tenant_id, name, value) VALUES (%(tenant)s, %(name)s, %(value)s::jsonb)
ON CONFLICT (tenant_id, name) DO UPDATE SET value = excluded.value, saved_at = now();

-- name: forget
DELETE FROM preference WHERE tenant_id = %(tenant)s AND name = %(name)s;
