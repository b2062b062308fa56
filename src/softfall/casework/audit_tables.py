"""The audit log's tables among casework's own: importing this adds them to the catalogue.

Guarantees: what `audit` reads and writes is what casework's migration makes; a test compares them.
"""

from softfall.audit import tables
from softfall.casework.schema import metadata

tables.declare(metadata)

audit_lines = metadata.tables["audit_lines"]
audit_checkpoints = metadata.tables["audit_checkpoints"]
