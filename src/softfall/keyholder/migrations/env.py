"""Alembic's entry: runs the migrations on the connection that `store.open_store` hands over.

Guarantees: all migrations are applied in one transaction, so a kill leaves the old version whole;
two processes that start at once take turns.
"""

from alembic import context
from sqlalchemy import Connection

connection = context.config.attributes["connection"]
assert isinstance(connection, Connection)
if connection.dialect.name == "sqlite":
    # The driver opens a transaction before INSERT and its kin only, never before CREATE TABLE.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
context.configure(connection=connection, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
