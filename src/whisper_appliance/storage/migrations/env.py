"""Alembic runs this on the connection of `migrations.upgrade`, within its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
