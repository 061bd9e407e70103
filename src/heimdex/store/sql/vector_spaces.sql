-- A second model beside the first. {relation} is the table of a space.

-- name: spaces
SELECT a.channel, a.model_id, a.revision, a.dim, a.name, a.active, a.filling, a.activated_at,
       coalesce(sum(c.scenes), 0), count(c.video_id),
       (SELECT count(*) FROM video v
        WHERE v.tenant_id = a.tenant_id AND (a.channel <> 'summary' OR v.scenes_told > 0)) AS videos
FROM embedding_space a
LEFT JOIN video_space c ON c.tenant_id = a.tenant_id AND c.relation = a.relation
WHERE a.tenant_id = %(tenant)s
GROUP BY a.tenant_id, a.relation, a.channel, a.model_id, a.revision, a.dim, a.name, a.active, a.filling, a.activated_at
ORDER BY a.channel DESC, a.active DESC, a.activated_at DESC NULLS LAST, a.relation;

-- name: in_use
SELECT channel, name, model_id, revision, dim FROM embedding_space WHERE tenant_id = %(tenant)s AND active;

-- name: begin
UPDATE embedding_space SET filling = NOT active, name = %(name)s
WHERE tenant_id = %(tenant)s AND relation = %(relation)s;

-- name: pending_videos
SELECT v.video_id, v.published_at, v.scenes FROM video v
WHERE v.tenant_id = %(tenant)s AND (%(channel)s <> 'summary' OR v.scenes_told > 0)
  AND NOT EXISTS (SELECT 1 FROM video_space c
                  WHERE c.tenant_id = v.tenant_id AND c.video_id = v.video_id AND c.relation = %(relation)s)
ORDER BY v.video_id;

-- name: pending_frames
SELECT k.scene_id, k.frame_no, k.image
FROM scene s
JOIN keyframe k ON k.tenant_id = s.tenant_id AND k.scene_id = s.scene_id
LEFT JOIN {relation} e ON e.tenant_id = k.tenant_id AND e.scene_id = k.scene_id AND e.frame_no = k.frame_no
WHERE s.tenant_id = %(tenant)s AND s.video_id = %(video_id)s AND e.scene_id IS NULL
ORDER BY s.ordinal, k.frame_no;

-- name: pending_passages
-- {text} is the column of what is said or told.
SELECT s.scene_id, s.{text}
FROM scene s
LEFT JOIN {relation} e ON e.tenant_id = s.tenant_id AND e.scene_id = s.scene_id
WHERE s.tenant_id = %(tenant)s AND s.video_id = %(video_id)s AND s.{text} <> '' AND e.scene_id IS NULL
ORDER BY s.ordinal;

-- name: scenes_still_there
-- A video that is indexed anew takes its scenes with it; FOR KEY SHARE makes its removal wait for us.
SELECT scene_id FROM scene WHERE tenant_id = %(tenant)s AND scene_id = ANY (%(scene_ids)s) FOR KEY SHARE;

-- name: add_vectors
INSERT INTO {relation} (tenant_id, scene_id, frame_no, v)
SELECT %(tenant)s, scene_id, frame_no, v FROM staged_vectors WHERE scene_id = ANY (%(scene_ids)s)
ON CONFLICT (tenant_id, scene_id, frame_no) DO UPDATE SET v = excluded.v;

-- name: same_video
-- Not indexed anew since it was looked at.
SELECT 1 FROM video
WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s AND published_at = %(published_at)s FOR SHARE;

-- name: finish
INSERT INTO video_space (tenant_id, video_id, relation, scenes, frames, frames_max)
SELECT %(tenant)s, %(video_id)s, %(relation)s, count(*), coalesce(sum(f.frames), 0), coalesce(max(f.frames), 1)
FROM (SELECT e.scene_id, count(*) AS frames
      FROM scene s JOIN {relation} e ON e.tenant_id = s.tenant_id AND e.scene_id = s.scene_id
      WHERE s.tenant_id = %(tenant)s AND s.video_id = %(video_id)s
      GROUP BY e.scene_id) f
ON CONFLICT (tenant_id, video_id, relation) DO UPDATE SET
    scenes = excluded.scenes, frames = excluded.frames, frames_max = excluded.frames_max;

-- name: lock_publishing
-- Nothing is published between the look at the coverage and the switch; publishers share this lock.
SELECT pg_advisory_xact_lock(hashtextextended('publishing ' || %(tenant)s::text, 0));

-- name: share_publishing
SELECT pg_advisory_xact_lock_shared(hashtextextended('publishing ' || %(tenant)s::text, 0));

-- name: state
SELECT a.active, (SELECT b.relation FROM embedding_space b
                  WHERE b.tenant_id = a.tenant_id AND b.channel = a.channel AND b.active) AS in_use
FROM embedding_space a WHERE a.tenant_id = %(tenant)s AND a.relation = %(relation)s;

-- name: leave
UPDATE embedding_space SET active = false, filling = false, activated_at = coalesce(activated_at, created_at)
WHERE tenant_id = %(tenant)s AND channel = %(channel)s AND active;

-- name: use
UPDATE embedding_space
SET active = true, filling = false, activated_at = clock_timestamp(),
    name = CASE WHEN %(name)s::text = '' THEN name ELSE %(name)s END
WHERE tenant_id = %(tenant)s AND relation = %(relation)s;

-- name: forget_coverage
DELETE FROM video_space WHERE tenant_id = %(tenant)s AND relation = %(relation)s;

-- name: forget_vectors
DELETE FROM {relation} WHERE tenant_id = %(tenant)s;

-- name: forget_space
DELETE FROM embedding_space WHERE tenant_id = %(tenant)s AND relation = %(relation)s;
