-- Conditions on a scene s, put together by heimdex.store.filters. Each is true or false, never unknown,
-- so that each can be negated.

-- name: of_videos
s.video_id = ANY ({video_ids})

-- name: in_folders
EXISTS (
    SELECT 1 FROM file f JOIN unnest({folders}::bytea[]) AS folder (path)
        ON f.path = folder.path
        OR substring(f.path FROM 1 FOR length(folder.path) + 1) = folder.path || '\x2f'::bytea
    WHERE f.tenant_id = s.tenant_id AND f.video_id = s.video_id
)

-- name: of_video_facts
EXISTS (
    SELECT 1 FROM video v
    WHERE v.tenant_id = s.tenant_id AND v.video_id = s.video_id
      AND ({recorded_from}::timestamptz IS NULL OR v.recorded_at >= {recorded_from})
      AND ({recorded_before}::timestamptz IS NULL OR v.recorded_at < {recorded_before})
      AND ({min_duration_s}::float8 IS NULL OR v.duration_s >= {min_duration_s})
      AND ({max_duration_s}::float8 IS NULL OR v.duration_s <= {max_duration_s})
)

-- name: in_languages
EXISTS (
    SELECT 1 FROM segment g
    WHERE g.tenant_id = s.tenant_id AND g.video_id = s.video_id AND g.start_s < s.end_s AND g.end_s > s.start_s
      AND (replace(lower(g.language), '_', '-') = ANY ({languages})
           OR split_part(replace(lower(g.language), '_', '-'), '-', 1) = ANY ({languages}))
)

-- name: of_tags
EXISTS (
    SELECT 1 FROM video v JOIN content_tag t ON t.tenant_id = v.tenant_id AND t.sha256 = v.sha256
    WHERE v.tenant_id = s.tenant_id AND v.video_id = s.video_id AND t.tag_key = ANY ({tags})
)

-- name: has_speech
(s.word_count > 0) = {has_speech}
