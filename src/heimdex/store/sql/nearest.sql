-- The scenes nearest to a vector. {relation} is the table of an embedding space, {admitted} the condition of a
-- filter on the scene s (filters.sql). A scene has at most frames_max vectors, so that many rows for each wanted
-- scene are enough to hold the best of each.

-- name: space
-- Its size, and whether the tenant's approximate index (vector_index.sql) may be used.
SELECT coalesce(sum(frames), 0), coalesce(max(frames_max), 1), EXISTS (
    SELECT 1 FROM pg_index i
    WHERE i.indexrelid = to_regclass(quote_ident(%(index)s)) AND i.indrelid = to_regclass(quote_ident(%(relation)s))
      AND i.indisvalid AND i.indisready
)
FROM video_space WHERE tenant_id = %(tenant)s AND relation = %(relation)s;

-- name: admitted_by_video
-- Vectors that a filter admits which knows videos only; s stands for a video's share of the space.
SELECT coalesce(sum(s.frames), 0) FROM video_space s
WHERE s.tenant_id = %(tenant)s AND s.relation = %(relation)s AND {admitted};

-- name: admitted_scenes
-- Scenes that a filter admits, counted no further than it matters.
SELECT count(*) FROM (
    SELECT 1 FROM scene s WHERE s.tenant_id = %(tenant)s AND {admitted} LIMIT %(enough)s
) counted;

-- name: exact
-- "+ 0" keeps any index out.
SELECT e.scene_id, e.frame_no, e.v <#> %(query)s::halfvec AS distance
FROM {relation} e
WHERE e.tenant_id = %(tenant)s
ORDER BY (e.v <#> %(query)s::halfvec) + 0
LIMIT %(rows)s;

-- name: exact_within
SELECT e.scene_id, e.frame_no, e.v <#> %(query)s::halfvec AS distance
FROM scene s
JOIN {relation} e ON e.tenant_id = s.tenant_id AND e.scene_id = s.scene_id
WHERE s.tenant_id = %(tenant)s AND {admitted}
ORDER BY (e.v <#> %(query)s::halfvec) + 0
LIMIT %(rows)s;

-- name: scan_settings
-- For the rest of the transaction. The list of candidates is kept well above the rows that are wanted (recall);
-- while a filter turns rows away, the scan goes on, in almost the right order, up to max_scan_tuples.
SET LOCAL hnsw.ef_search = {ef_search};
SET LOCAL hnsw.iterative_scan = relaxed_order;
SET LOCAL hnsw.max_scan_tuples = {max_scan};
SET LOCAL hnsw.scan_mem_multiplier = 8;

-- name: approximate
SELECT e.scene_id, e.frame_no, e.v <#> %(query)s::halfvec AS distance
FROM {relation} e
WHERE e.tenant_id = %(tenant)s
ORDER BY e.v <#> %(query)s::halfvec
LIMIT %(rows)s;

-- name: approximate_within
-- OFFSET keeps the planner from turning the filter around: the index gives the order, row by row.
SELECT e.scene_id, e.frame_no, e.v <#> %(query)s::halfvec AS distance
FROM {relation} e
JOIN LATERAL (
    SELECT 1 FROM scene s WHERE s.tenant_id = e.tenant_id AND s.scene_id = e.scene_id AND {admitted} OFFSET 0
) admitted ON true
WHERE e.tenant_id = %(tenant)s
ORDER BY e.v <#> %(query)s::halfvec
LIMIT %(rows)s;

-- name: best_of_each
-- Around one of the four above.
WITH near AS MATERIALIZED (
{near}
), best AS (
    SELECT DISTINCT ON (scene_id) scene_id, frame_no, distance FROM near ORDER BY scene_id, distance, frame_no
)
SELECT b.scene_id, -b.distance AS similarity, k.time_s
FROM best b
LEFT JOIN keyframe k ON k.tenant_id = %(tenant)s AND k.scene_id = b.scene_id AND k.frame_no = b.frame_no
ORDER BY b.distance, b.scene_id
LIMIT %(limit)s;
