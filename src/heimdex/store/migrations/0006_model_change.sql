-- A second model beside the first: which spaces are being filled, what to open a model by, and which
-- space was used before. Locks: embedding_space, for the moment that adding columns takes.
-- Undo: DROP the three columns.

ALTER TABLE embedding_space
    -- what the model is opened by: a name or a folder; empty when another machine has it
    ADD COLUMN name text NOT NULL DEFAULT '',
    -- new videos are caught up in this space too, until it is used or removed
    ADD COLUMN filling boolean NOT NULL DEFAULT false,
    -- when it last became the one in use; of those not in use, the latest is the one to go back to
    ADD COLUMN activated_at timestamptz;
