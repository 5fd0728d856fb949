"""PostgreSQL knows how much work the terms of a transcript are, and so looks them up in their index."""

from alembic import op

revision = "0018"
down_revision = "0014"

# In PL/pgSQL, because PostgreSQL replaces a function in SQL by its body, and then forgets the cost.
FUNCTION = """
CREATE FUNCTION document_terms(title text, annotations text, words text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 10000 AS $$
BEGIN
    RETURN array_to_tsvector(
        array_remove(string_to_array(title || ' ' || annotations || ' ' || words, ' '), '')
    );
END
$$
"""


def upgrade() -> None:
    """Makes the index again, over a function; SQLite has its own index."""
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute(FUNCTION)
    op.execute("DROP INDEX transcript_terms")
    op.execute(
        "CREATE INDEX transcript_terms ON search_documents USING gin"
        " (document_terms(title, annotations, text))"
    )
    op.execute("ANALYZE search_documents")
