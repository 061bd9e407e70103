-- Tenants see their own rows only: row-level security, forced, under a role that cannot bypass it.
-- Every transaction of the application takes the role and names its tenant (heimdex.store.database);
-- no tenant means no rows. Undo: DISABLE ROW LEVEL SECURITY on each table, DROP OWNED BY heimdex_app.

DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'heimdex_app') THEN
        CREATE ROLE heimdex_app NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- roles belong to the server; another database of it may have made this one
END
$$;
DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'heimdex_app', 'MEMBER') THEN
        EXECUTE format('GRANT heimdex_app TO %I', current_user);
    END IF;
END
$$;

-- Empty after a transaction that named a tenant, hence nullif.
CREATE FUNCTION current_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('heimdex.tenant', true), '')::uuid;

CREATE PROCEDURE keep_tenants_apart(relation text)
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format('CREATE POLICY own_tenant ON %I USING (tenant_id = (SELECT current_tenant()))', relation);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO heimdex_app', relation);
END
$$;
REVOKE EXECUTE ON PROCEDURE keep_tenants_apart(text) FROM PUBLIC;

CALL keep_tenants_apart('tenant');
CALL keep_tenants_apart('video');
CALL keep_tenants_apart('file');
CALL keep_tenants_apart('scene');
CALL keep_tenants_apart('segment');
CALL keep_tenants_apart('keyframe');
CALL keep_tenants_apart('embedding_space');
CALL keep_tenants_apart('video_space');
