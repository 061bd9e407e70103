-- Videos by id, for the web.

-- name: videos
SELECT v.video_id, v.title, v.duration_s, v.width_px, v.height_px, v.fps, v.container, v.video_codec, v.rotation_deg,
       v.has_audio, v.recorded_at, v.notes, v.scenes,
       ARRAY(SELECT f.path FROM file f WHERE f.tenant_id = v.tenant_id AND f.video_id = v.video_id
             ORDER BY f.seen_at DESC, f.path) AS paths,
       ARRAY(SELECT t.tag FROM content_tag t WHERE t.tenant_id = v.tenant_id AND t.sha256 = v.sha256
             ORDER BY t.tag_key) AS tags
FROM video v
WHERE v.tenant_id = %(tenant)s AND (%(video_id)s::uuid IS NULL OR v.video_id = %(video_id)s)
ORDER BY v.title, v.video_id;

-- name: thumbnail
SELECT k.image
FROM scene s
JOIN keyframe k ON k.tenant_id = s.tenant_id AND k.scene_id = s.scene_id AND k.frame_no = s.best_frame
WHERE s.tenant_id = %(tenant)s AND s.scene_id = %(scene_id)s;
