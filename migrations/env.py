"""Runs the migrations on the engine that `hypersync.store.schema` hands over."""

from alembic import context

from hypersync.store.engine import WRITE
from hypersync.store.tables import metadata

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    options = connection.execution_options(**{WRITE: True})
    context.configure(
        connection=options, target_metadata=metadata, render_as_batch=True, compare_type=False
    )
    with context.begin_transaction():
        context.run_migrations()
