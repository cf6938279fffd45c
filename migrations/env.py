"""Runs the migrations on the engine that `hypersync.store.schema` hands over."""

from alembic import context

from hypersync.store.engine import WRITE
from hypersync.store.tables import metadata

UPGRADING = 0x48595055  # the number of the lock, any that others do not use

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    options = connection.execution_options(**{WRITE: True})
    # all in one transaction, on SQLite too: a kill leaves the database as it was, never in between
    context.configure(
        connection=options,
        target_metadata=metadata,
        render_as_batch=True,
        compare_type=False,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        if engine.dialect.name == "postgresql":
            # of several nodes that start at the same moment one upgrades, the others find it done
            options.exec_driver_sql(f"SELECT pg_advisory_xact_lock({UPGRADING})")
        context.run_migrations()
