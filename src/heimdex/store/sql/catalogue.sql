-- The library as the ingest side sees it.

-- name: known_file
SELECT path, size_bytes, mtime_ns, sha256, video_id, fingerprint, reason, gone_since IS NOT NULL, offline
FROM file WHERE tenant_id = %(tenant)s AND path_key = %(path_key)s;

-- name: known_files
SELECT path, size_bytes, mtime_ns, sha256, video_id, fingerprint, reason, gone_since IS NOT NULL, offline
FROM file WHERE tenant_id = %(tenant)s AND path_key = ANY (%(path_keys)s);

-- name: find_content
SELECT video_id FROM video
WHERE tenant_id = %(tenant)s AND sha256 = %(sha256)s AND fingerprint = %(fingerprint)s
ORDER BY published_at DESC LIMIT 1;

-- name: paths_of_content
-- By their videos: an index leads there, and files of one content share a video.
SELECT f.path FROM video v JOIN file f ON f.tenant_id = v.tenant_id AND f.video_id = v.video_id
WHERE v.tenant_id = %(tenant)s AND v.sha256 = %(sha256)s AND f.sha256 = %(sha256)s
ORDER BY f.path;

-- name: add_tenant
INSERT INTO tenant (tenant_id, name) VALUES (%(tenant)s, %(name)s) ON CONFLICT (tenant_id) DO NOTHING;

-- name: lock_content
-- Two processes that publish the same bytes take turns.
SELECT pg_advisory_xact_lock(hashtextextended(%(tenant)s || %(sha256)s, 0));

-- name: video_exists
SELECT 1 FROM video WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s FOR SHARE;

-- name: former_videos
SELECT video_id FROM video
WHERE tenant_id = %(tenant)s AND sha256 = %(sha256)s AND sha256 <> '' AND video_id <> %(video_id)s
FOR UPDATE;

-- name: put_file
INSERT INTO file (tenant_id, path_key, path, size_bytes, mtime_ns, sha256, fingerprint, video_id, reason, detail)
VALUES (%(tenant)s, %(path_key)s, %(path)s, %(size_bytes)s, %(mtime_ns)s, %(sha256)s, %(fingerprint)s,
        %(video_id)s, %(reason)s, %(detail)s)
ON CONFLICT (tenant_id, path_key) DO UPDATE SET
    path = excluded.path, size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns, sha256 = excluded.sha256,
    fingerprint = excluded.fingerprint, video_id = excluded.video_id, reason = excluded.reason,
    detail = excluded.detail, seen_at = now(), gone_since = NULL, offline = false;

-- name: unchanged_video
-- The video of a file whose bytes did not change since it was indexed.
SELECT video_id FROM file
WHERE tenant_id = %(tenant)s AND path_key = %(path_key)s
  AND size_bytes = %(size_bytes)s AND mtime_ns = %(mtime_ns)s;

-- name: fingerprint_of_video
SELECT fingerprint FROM video WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s;

-- name: paths_of_video
SELECT path FROM file WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s;

-- name: rename_video
UPDATE video SET title = %(title)s WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s;

-- name: move_files
UPDATE file SET video_id = %(video_id)s, fingerprint = %(fingerprint)s, reason = NULL, detail = ''
WHERE tenant_id = %(tenant)s AND video_id = ANY (%(former)s);

-- name: drop_videos
DELETE FROM video WHERE tenant_id = %(tenant)s AND video_id = ANY (%(former)s);

-- name: drop_if_no_file
-- The content of a path was overwritten: what it held before is nowhere else.
DELETE FROM video v
WHERE v.tenant_id = %(tenant)s AND v.video_id = %(video_id)s
  AND NOT EXISTS (SELECT 1 FROM file f WHERE f.tenant_id = v.tenant_id AND f.video_id = v.video_id);

-- name: put_video
INSERT INTO video (tenant_id, video_id, sha256, fingerprint, title, duration_s, width_px, height_px, fps, container,
                   video_codec, rotation_deg, has_audio, recorded_at, notes, scenes, segments, scenes_with_words,
                   terms)
VALUES (%(tenant)s, %(video_id)s, %(sha256)s, %(fingerprint)s, %(title)s, %(duration_s)s, %(width_px)s, %(height_px)s,
        %(fps)s, %(container)s, %(video_codec)s, %(rotation_deg)s, %(has_audio)s, %(recorded_at)s, %(notes)s,
        %(scenes)s, %(segments)s, %(scenes_with_words)s, %(terms)s)
ON CONFLICT (tenant_id, video_id) DO UPDATE SET
    sha256 = excluded.sha256, fingerprint = excluded.fingerprint, title = excluded.title,
    duration_s = excluded.duration_s, width_px = excluded.width_px, height_px = excluded.height_px,
    fps = excluded.fps, container = excluded.container, video_codec = excluded.video_codec,
    rotation_deg = excluded.rotation_deg, has_audio = excluded.has_audio, recorded_at = excluded.recorded_at,
    notes = excluded.notes, scenes = excluded.scenes, segments = excluded.segments,
    scenes_with_words = excluded.scenes_with_words, terms = excluded.terms, published_at = now();

-- name: clear_scenes
DELETE FROM scene WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s;

-- name: clear_segments
DELETE FROM segment WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s;

-- name: clear_spaces
DELETE FROM video_space WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s;

-- name: add_scene
INSERT INTO scene (tenant_id, scene_id, video_id, ordinal, start_s, end_s, transcript, words, word_count, best_frame)
VALUES (%(tenant)s, %(scene_id)s, %(video_id)s, %(ordinal)s, %(start_s)s, %(end_s)s, %(transcript)s,
        %(words)s::tsvector, %(word_count)s, %(best_frame)s);

-- name: lock_video
SELECT sha256 FROM video WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s FOR UPDATE;

-- name: scenes_of_video
SELECT s.scene_id, s.start_s, s.end_s,
       ARRAY(SELECT k.time_s FROM keyframe k WHERE k.tenant_id = s.tenant_id AND k.scene_id = s.scene_id
             ORDER BY k.frame_no),
       ARRAY(SELECT k.quality FROM keyframe k WHERE k.tenant_id = s.tenant_id AND k.scene_id = s.scene_id
             ORDER BY k.frame_no),
       ARRAY(SELECT k.image FROM keyframe k WHERE k.tenant_id = s.tenant_id AND k.scene_id = s.scene_id
             ORDER BY k.frame_no)
FROM scene s WHERE s.tenant_id = %(tenant)s AND s.video_id = %(video_id)s ORDER BY s.ordinal;

-- name: descriptions_of_video
SELECT start_s, end_s, text, source, language
FROM description WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s ORDER BY ordinal;

-- name: descriptions_of_content
SELECT d.start_s, d.end_s, d.text, d.source, d.language
FROM video v JOIN description d ON d.tenant_id = v.tenant_id AND d.video_id = v.video_id
WHERE v.tenant_id = %(tenant)s AND v.sha256 = %(sha256)s ORDER BY v.published_at, d.ordinal;

-- name: clear_descriptions
DELETE FROM description WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s;

-- name: clear_told
UPDATE scene SET description = '', told = '', told_count = 0
WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s AND told_count > 0;

-- name: clear_told_vectors
DELETE FROM {relation} e USING scene s
WHERE e.tenant_id = %(tenant)s AND s.tenant_id = %(tenant)s AND e.scene_id = s.scene_id
  AND s.video_id = %(video_id)s;

-- name: clear_told_spaces
DELETE FROM video_space WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s AND relation = ANY (%(relations)s);

-- name: told_relations
SELECT relation FROM embedding_space WHERE tenant_id = %(tenant)s AND channel = 'summary';

-- name: add_description
INSERT INTO description (tenant_id, video_id, ordinal, start_s, end_s, text, source, language)
VALUES (%(tenant)s, %(video_id)s, %(ordinal)s, %(start_s)s, %(end_s)s, %(text)s, %(source)s, %(language)s);

-- name: tell_scene
UPDATE scene SET description = %(description)s, told = %(told)s::tsvector, told_count = %(told_count)s
WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s AND scene_id = %(scene_id)s;

-- name: count_told
UPDATE video SET scenes_told = %(scenes_told)s, told_terms = %(told_terms)s
WHERE tenant_id = %(tenant)s AND video_id = %(video_id)s;

-- name: add_keyframe
INSERT INTO keyframe (tenant_id, scene_id, frame_no, time_s, quality, image)
VALUES (%(tenant)s, %(scene_id)s, %(frame_no)s, %(time_s)s, %(quality)s, %(image)s);

-- name: add_segment
INSERT INTO segment (tenant_id, video_id, ordinal, start_s, end_s, text, source, language)
VALUES (%(tenant)s, %(video_id)s, %(ordinal)s, %(start_s)s, %(end_s)s, %(text)s, %(source)s, %(language)s);

-- name: stage_vectors
-- COPY is refused on tables with row-level security, so vectors arrive in a table of the transaction.
CREATE TEMPORARY TABLE IF NOT EXISTS staged_vectors (scene_id uuid, frame_no smallint, v halfvec) ON COMMIT DROP;

-- name: empty_stage
TRUNCATE staged_vectors;

-- name: copy_vectors
COPY staged_vectors (scene_id, frame_no, v) FROM STDIN (FORMAT binary);

-- name: add_vectors
INSERT INTO {relation} (tenant_id, scene_id, frame_no, v)
SELECT %(tenant)s, scene_id, frame_no, v FROM staged_vectors
ON CONFLICT (tenant_id, scene_id, frame_no) DO UPDATE SET v = excluded.v;

-- name: add_video_space
INSERT INTO video_space (tenant_id, video_id, relation, scenes, frames, frames_max)
VALUES (%(tenant)s, %(video_id)s, %(relation)s, %(scenes)s, %(frames)s, %(frames_max)s)
ON CONFLICT (tenant_id, video_id, relation) DO UPDATE SET
    scenes = excluded.scenes, frames = excluded.frames, frames_max = excluded.frames_max;

-- name: totals
SELECT count(*), coalesce(sum(scenes), 0), coalesce(sum(duration_s), 0), coalesce(sum(segments), 0),
       coalesce(sum(scenes_with_words), 0), coalesce(sum(scenes_told), 0)
FROM video WHERE tenant_id = %(tenant)s;

-- name: coverage
SELECT a.channel, coalesce(sum(c.scenes), 0)
FROM embedding_space a
LEFT JOIN video_space c ON c.tenant_id = a.tenant_id AND c.relation = a.relation
WHERE a.tenant_id = %(tenant)s AND a.active
GROUP BY a.channel;

-- name: unreadable
SELECT path, reason, detail FROM file WHERE tenant_id = %(tenant)s AND reason IS NOT NULL ORDER BY path;

-- name: searchable_paths
SELECT video_id, path FROM file WHERE tenant_id = %(tenant)s AND video_id IS NOT NULL ORDER BY path;
