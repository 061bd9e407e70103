-- What a person wants of every search, and tags on videos. A tag belongs to content, not to a row of `video`:
-- indexing the same bytes anew, under whatever id, keeps it. `tag` is as it was written, `tag_key` what it is
-- compared by. Locks: none on existing tables. Undo: drop both tables.

CREATE TABLE preference (
    tenant_id  uuid NOT NULL REFERENCES tenant,
    name       text NOT NULL,
    value      jsonb NOT NULL,
    saved_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, name)
);
CALL keep_tenants_apart('preference');

CREATE TABLE content_tag (
    tenant_id uuid NOT NULL REFERENCES tenant,
    sha256    text NOT NULL,
    tag_key   text NOT NULL,
    tag       text NOT NULL,
    added_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, sha256, tag_key)
);
CREATE INDEX content_of_tag ON content_tag (tenant_id, tag_key);
CALL keep_tenants_apart('content_tag');
