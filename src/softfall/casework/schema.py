"""What all of casework's tables share: one catalogue, the width of a row number.

Each room of casework declares its own tables on `metadata`, and the migrations in `migrations/`
make them; a test compares the two.
"""

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()

# SQLite numbers rows by INTEGER only; elsewhere a row number is 64 bits wide.
ROW = BigInteger().with_variant(Integer, "sqlite")
