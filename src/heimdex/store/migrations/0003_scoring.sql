-- The relation `video_scenes` and the function `batch_score_scenes_clip`.
-- `visual_vectors` unites the vector tables of all visual spaces; heimdex.store.spaces replaces it
-- when it adds one. Undo: DROP VIEW video_scenes, visual_vectors; DROP FUNCTION both.

CREATE VIEW visual_vectors WITH (security_invoker = true) AS
SELECT NULL::uuid AS tenant_id, NULL::uuid AS scene_id, NULL::smallint AS frame_no,
       NULL::text AS relation, NULL::halfvec AS v
WHERE false;

CREATE VIEW video_scenes WITH (security_invoker = true) AS
SELECT s.tenant_id,
       s.scene_id AS id,
       s.scene_id,
       s.video_id,
       s.ordinal,
       s.start_s,
       s.end_s,
       s.transcript,
       e.v AS embedding_visual_clip
FROM scene s
LEFT JOIN embedding_space a ON a.tenant_id = s.tenant_id AND a.channel = 'visual' AND a.active
LEFT JOIN visual_vectors e
    ON e.tenant_id = s.tenant_id AND e.scene_id = s.scene_id AND e.frame_no = s.best_frame
   AND e.relation = a.relation;

GRANT SELECT ON visual_vectors, video_scenes TO heimdex_app;

-- Best keyframe of each scene of a pool in one space; a scene without a vector is absent.
CREATE FUNCTION batch_score_scenes(
    space text, query_embedding vector, scene_ids uuid[], filter_user_id uuid
) RETURNS TABLE (scene_id uuid, score double precision, frame_no smallint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT DISTINCT ON (e.scene_id) e.scene_id, -(e.v <#> $1), e.frame_no
         FROM %I e
         WHERE e.tenant_id = $3 AND e.scene_id = ANY ($2)
         ORDER BY e.scene_id, e.v <#> $1, e.frame_no', space)
    USING query_embedding::halfvec, scene_ids, filter_user_id;
END
$$;

-- The pool of a rerank, in the tenant's active visual space: cosine of the best keyframe.
-- filter_user_id is the tenant; NULL matches nobody.
CREATE FUNCTION batch_score_scenes_clip(
    query_embedding vector, scene_ids uuid[], filter_user_id uuid
) RETURNS TABLE (scene_id uuid, similarity double precision)
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    space embedding_space;
BEGIN
    SELECT * INTO space FROM embedding_space a
    WHERE a.tenant_id = filter_user_id AND a.channel = 'visual' AND a.active;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF vector_dims(query_embedding) <> space.dim THEN
        RAISE EXCEPTION 'query_embedding has % dimensions, the vectors of % have %',
            vector_dims(query_embedding), space.model_id, space.dim
            USING ERRCODE = 'data_exception';
    END IF;
    RETURN QUERY
        SELECT b.scene_id, b.score
        FROM batch_score_scenes(space.relation, query_embedding, scene_ids, filter_user_id) b;
END
$$;
