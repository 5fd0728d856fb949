"""Alembic runs this on the connection of `Database.upgrade`, whose transaction holds the whole upgrade."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
