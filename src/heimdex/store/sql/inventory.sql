-- The library beside what is on the disks.

-- name: files_below
-- "/" is the last byte before "0": everything below a folder lies between the two.
SELECT path, size_bytes, mtime_ns, sha256, video_id, fingerprint, reason, gone_since IS NOT NULL, offline
FROM file
WHERE tenant_id = %(tenant)s AND (path = %(folder)s OR path >= %(first)s AND path < %(beyond)s)
ORDER BY path;

-- name: mark_present
UPDATE file SET gone_since = NULL, offline = false
WHERE tenant_id = %(tenant)s AND path_key = ANY (%(path_keys)s) AND gone_since IS NOT NULL;

-- name: mark_gone
UPDATE file SET gone_since = coalesce(gone_since, now()), offline = %(offline)s
WHERE tenant_id = %(tenant)s AND path_key = ANY (%(path_keys)s);

-- name: forget_files
DELETE FROM file WHERE tenant_id = %(tenant)s AND path_key = ANY (%(path_keys)s) RETURNING video_id;

-- name: take_out
-- Remembered, so that a watched folder does not bring it back.
UPDATE file f SET video_id = NULL, reason = %(reason)s, detail = '', fingerprint = ''
FROM file before
WHERE f.tenant_id = %(tenant)s AND f.path_key = ANY (%(path_keys)s)
  AND before.tenant_id = f.tenant_id AND before.path_key = f.path_key
RETURNING before.video_id;

-- name: drop_unheld
DELETE FROM video v
WHERE v.tenant_id = %(tenant)s AND v.video_id = ANY (%(video_ids)s)
  AND NOT EXISTS (SELECT 1 FROM file f WHERE f.tenant_id = v.tenant_id AND f.video_id = v.video_id)
RETURNING 1;

-- name: paths_of_video
SELECT path FROM file WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s ORDER BY path;

-- name: contents
SELECT v.video_id, v.sha256, k.image
FROM video v
JOIN scene s ON s.tenant_id = v.tenant_id AND s.video_id = v.video_id AND s.ordinal = 0
JOIN keyframe k ON k.tenant_id = s.tenant_id AND k.scene_id = s.scene_id AND k.frame_no = 0
WHERE v.tenant_id = %(tenant)s;

-- name: born
SELECT tenant_id::text || ' ' || extract(epoch FROM created_at)::text FROM tenant WHERE tenant_id = %(tenant)s;

-- name: videos
SELECT v.video_id, v.title, v.scenes, v.scenes_with_words, v.scenes_told,
       ARRAY(SELECT f.path FROM file f WHERE f.tenant_id = v.tenant_id AND f.video_id = v.video_id ORDER BY f.path),
       ARRAY(SELECT f.path FROM file f
             WHERE f.tenant_id = v.tenant_id AND f.video_id = v.video_id AND f.offline ORDER BY f.path)
FROM video v WHERE v.tenant_id = %(tenant)s ORDER BY v.title, v.video_id;

-- name: covered
SELECT c.video_id, a.channel, c.scenes
FROM video_space c
JOIN embedding_space a ON a.tenant_id = c.tenant_id AND a.relation = c.relation AND a.active
WHERE c.tenant_id = %(tenant)s;
