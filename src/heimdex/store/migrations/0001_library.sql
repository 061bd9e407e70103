-- The library: tenants, videos, files, scenes, text, keyframes, embedding spaces.
-- Every table carries tenant_id in its keys, so that a cluster (Citus) can distribute by it;
-- ids are made by the client; nothing is unique across tenants.
-- Locks: none on existing tables. Undo: drop the tables, the views and the functions.

CREATE TABLE tenant (
    tenant_id  uuid PRIMARY KEY,
    name       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE video (
    tenant_id       uuid NOT NULL REFERENCES tenant,
    video_id        uuid NOT NULL,
    sha256          text NOT NULL,
    fingerprint     text NOT NULL,
    title           text NOT NULL,
    duration_s      double precision NOT NULL CHECK (duration_s >= 0),
    width_px        integer NOT NULL,
    height_px       integer NOT NULL,
    fps             double precision,
    container       text NOT NULL,
    video_codec     text NOT NULL,
    rotation_deg    integer NOT NULL,
    has_audio       boolean NOT NULL,
    recorded_at     timestamptz,
    notes           text[] NOT NULL,
    -- counted when published, so that no search has to count
    scenes          integer NOT NULL,
    segments        integer NOT NULL,
    scenes_with_words integer NOT NULL,
    terms           bigint NOT NULL,
    published_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, video_id)
);
CREATE INDEX video_content ON video (tenant_id, sha256);

-- Paths are bytes: a file name need not be UTF-8 and may hold a newline. The key is the SHA-256 of the
-- path, because an index row cannot hold the 4096 bytes that a path may have.
CREATE TABLE file (
    tenant_id   uuid NOT NULL REFERENCES tenant,
    path_key    bytea NOT NULL,
    path        bytea NOT NULL,
    size_bytes  bigint NOT NULL,
    mtime_ns    bigint NOT NULL,
    sha256      text NOT NULL,
    fingerprint text NOT NULL,
    video_id    uuid,
    reason      text,
    detail      text NOT NULL DEFAULT '',
    seen_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, path_key),
    FOREIGN KEY (tenant_id, video_id) REFERENCES video,
    CONSTRAINT file_is_searchable_or_has_a_reason CHECK (video_id IS NOT NULL OR reason IS NOT NULL)
);
CREATE INDEX file_of_video ON file (tenant_id, video_id);

CREATE TABLE scene (
    tenant_id  uuid NOT NULL REFERENCES tenant,
    scene_id   uuid NOT NULL,
    video_id   uuid NOT NULL,
    ordinal    integer NOT NULL,
    start_s    double precision NOT NULL,
    end_s      double precision NOT NULL CHECK (end_s >= start_s),
    transcript text NOT NULL,
    -- index terms with their positions, made by heimdex.ranking.tokens
    words      tsvector NOT NULL,
    word_count integer NOT NULL,
    -- the keyframe that stands for the scene where only one can
    best_frame smallint NOT NULL,
    PRIMARY KEY (tenant_id, scene_id),
    FOREIGN KEY (tenant_id, video_id) REFERENCES video ON DELETE CASCADE
);
CREATE INDEX scene_of_video ON scene (tenant_id, video_id, ordinal);
CREATE INDEX scene_words ON scene USING gin (words);

CREATE TABLE segment (
    tenant_id uuid NOT NULL REFERENCES tenant,
    video_id  uuid NOT NULL,
    ordinal   integer NOT NULL,
    start_s   double precision NOT NULL,
    end_s     double precision NOT NULL,
    text      text NOT NULL,
    source    text NOT NULL,
    language  text,
    PRIMARY KEY (tenant_id, video_id, ordinal),
    FOREIGN KEY (tenant_id, video_id) REFERENCES video ON DELETE CASCADE
);

CREATE TABLE keyframe (
    tenant_id uuid NOT NULL REFERENCES tenant,
    scene_id  uuid NOT NULL,
    frame_no  smallint NOT NULL,
    time_s    double precision NOT NULL,
    quality   real NOT NULL,
    image     text NOT NULL,
    PRIMARY KEY (tenant_id, scene_id, frame_no),
    FOREIGN KEY (tenant_id, scene_id) REFERENCES scene ON DELETE CASCADE
);

-- Which models a tenant's vectors come from. The vectors of a space lie in the table `relation`, one
-- table per channel, model, revision and dimension (heimdex.store.spaces), made at first use.
CREATE TABLE embedding_space (
    tenant_id  uuid NOT NULL REFERENCES tenant,
    relation   text NOT NULL,
    channel    text NOT NULL,
    model_id   text NOT NULL,
    revision   text NOT NULL,
    dim        integer NOT NULL CHECK (dim > 0),
    active     boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, relation)
);
CREATE UNIQUE INDEX one_active_space ON embedding_space (tenant_id, channel) WHERE active;

-- How much of a video a space covers, so that no search has to count.
CREATE TABLE video_space (
    tenant_id  uuid NOT NULL REFERENCES tenant,
    video_id   uuid NOT NULL,
    relation   text NOT NULL,
    scenes     integer NOT NULL,
    frames     integer NOT NULL,
    -- most vectors of one scene
    frames_max integer NOT NULL,
    PRIMARY KEY (tenant_id, video_id, relation),
    FOREIGN KEY (tenant_id, video_id) REFERENCES video ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, relation) REFERENCES embedding_space
);
