"""What the database saw of every job: a trigger of the chaos suite, in the test's database only."""

from sqlalchemy import Engine, text

CREATE = """
CREATE TABLE chaos_audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    job_id uuid NOT NULL, acting text,
    old_token uuid, new_token uuid, old_status text, new_status text,
    old_progress int, new_progress int);

CREATE FUNCTION chaos_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos_audit (job_id, acting, old_token, new_token, old_status, new_status,
                             old_progress, new_progress)
    VALUES (OLD.id, nullif(current_setting('chaos.acting', true), ''),
            OLD.lease_token, NEW.lease_token, OLD.status, NEW.status, OLD.progress, NEW.progress);
    RETURN NULL;
END $$;

CREATE TRIGGER chaos_audit AFTER UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION chaos_audit();
"""


def install(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(CREATE))
