"""Alembic's entry: runs on the connection that `hub.migrations.upgrade` hands over."""

from alembic import context
from sqlmodel import SQLModel


connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True, transactional_ddl=False
)
context.run_migrations()
