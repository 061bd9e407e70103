-- What is told about a video beside what is said in it: descriptions of its scenes, chapter titles, captions.
-- Their words are found like those of transcripts, by their own index, so that told is never taken for said.
-- Locks: scene and video briefly (columns with constant defaults; the new index covers scenes that have a description).
-- Undo: DROP TABLE description; drop the columns.

CREATE TABLE description (
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
CALL keep_tenants_apart('description');

ALTER TABLE scene
    ADD COLUMN description text NOT NULL DEFAULT '',
    ADD COLUMN told tsvector NOT NULL DEFAULT '',
    ADD COLUMN told_count integer NOT NULL DEFAULT 0;
CREATE INDEX scene_told ON scene USING gin (told) WHERE told_count > 0;

ALTER TABLE video
    ADD COLUMN scenes_told integer NOT NULL DEFAULT 0,
    ADD COLUMN told_terms bigint NOT NULL DEFAULT 0;
