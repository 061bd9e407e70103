-- The library as the search side sees it. {relation} is the table of an embedding
-- space, {admitted} the condition of a filter on the scene s (filters.sql).

-- name: space_size
SELECT coalesce(sum(frames), 0), coalesce(max(frames_max), 1)
FROM video_space WHERE tenant_id = %(tenant)s AND relation = %(relation)s;

-- name: score_scenes
SELECT b.scene_id, b.score, k.time_s
FROM batch_score_scenes(%(relation)s, %(query)s::vector, %(scene_ids)s, %(tenant)s) b
LEFT JOIN keyframe k ON k.tenant_id = %(tenant)s AND k.scene_id = b.scene_id AND k.frame_no = b.frame_no;

-- name: frames_of_scenes
-- halfvec_send is the binary form, whatever format the driver asks for.
SELECT scene_id, halfvec_send(v) FROM {relation}
WHERE tenant_id = %(tenant)s AND scene_id = ANY (%(scene_ids)s)
ORDER BY scene_id, frame_no;

-- name: word_statistics
-- {words}, {count}, {scenes} and {terms} are the columns of what is said, or of what is told.
-- Of the whole library, so that a filter does not change what a rare word is; one row, one df a phrase.
SELECT coalesce(sum({scenes}), 0), coalesce(sum({terms}), 0),
       ARRAY(
           SELECT (SELECT count(*) FROM scene s WHERE s.tenant_id = %(tenant)s AND {has} s.{words} @@ p.phrase::tsquery)
           FROM unnest(%(phrases)s::text[]) WITH ORDINALITY AS p (phrase, place) ORDER BY p.place
       )
FROM video WHERE tenant_id = %(tenant)s;

-- name: matching_scenes
-- The most telling matches first ({worth} is the sum of the weights of the phrases that occur, then
-- the shorter scene), with the positions of the asked terms, from which the score is computed exactly.
SELECT m.scene_id, m.length, t.lexemes, t.positions
FROM (
    SELECT s.scene_id, s.{count} AS length, s.{words} AS words, {worth} AS worth
    FROM scene s
    WHERE s.tenant_id = %(tenant)s AND {has} s.{words} @@ %(any)s::tsquery
      AND {admitted}
    ORDER BY worth DESC, length, s.scene_id
    LIMIT %(pool)s
) m
CROSS JOIN LATERAL (
    SELECT array_agg(w.lexeme) AS lexemes, array_agg(array_to_string(w.positions, ',')) AS positions
    FROM unnest(m.words) w WHERE w.lexeme = ANY (%(terms)s)
) t;

-- name: worth_of_phrase
CASE WHEN s.{words} @@ {phrase}::tsquery THEN {weight}::float8 ELSE 0 END

-- name: scenes
SELECT s.scene_id, s.video_id, v.title, f.path, s.start_s, s.end_s, v.duration_s, v.fps, v.recorded_at, s.description
FROM scene s
JOIN video v ON v.tenant_id = s.tenant_id AND v.video_id = s.video_id
JOIN LATERAL (
    SELECT path FROM file f WHERE f.tenant_id = v.tenant_id AND f.video_id = v.video_id
    ORDER BY f.seen_at DESC, f.path LIMIT 1
) f ON true
WHERE s.tenant_id = %(tenant)s AND s.scene_id = ANY (%(scene_ids)s);

-- name: segments_of_scenes
SELECT s.scene_id, g.start_s, g.end_s, g.text, g.source, g.language
FROM scene s
JOIN segment g ON g.tenant_id = s.tenant_id AND g.video_id = s.video_id
    AND g.start_s < s.end_s AND g.end_s > s.start_s
WHERE s.tenant_id = %(tenant)s AND s.scene_id = ANY (%(scene_ids)s)
ORDER BY s.scene_id, g.ordinal;

-- name: keyframes_of_scenes
SELECT scene_id, time_s, image FROM keyframe
WHERE tenant_id = %(tenant)s AND scene_id = ANY (%(scene_ids)s)
ORDER BY scene_id, frame_no;

-- name: covered_by_space
SELECT coalesce(sum(scenes), 0) FROM video_space WHERE tenant_id = %(tenant)s AND relation = %(relation)s;

-- name: covered_by_active_space
SELECT coalesce(sum(c.scenes), 0)
FROM embedding_space a
JOIN video_space c ON c.tenant_id = a.tenant_id AND c.relation = a.relation
WHERE a.tenant_id = %(tenant)s AND a.channel = %(channel)s AND a.active;

-- name: covered_by_told
SELECT coalesce(sum(scenes_told), 0) FROM video WHERE tenant_id = %(tenant)s;

-- name: covered_by_words
SELECT coalesce(sum(scenes_with_words), 0) FROM video WHERE tenant_id = %(tenant)s;
