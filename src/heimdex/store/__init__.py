"""PostgreSQL: the only folder that imports psycopg.

`open_store` is the way in; it answers with adapters of the ports Catalogue, SceneIndex and VideoShelf.
"""

from heimdex.store.embedded import EmbeddedPostgres
from heimdex.store.opening import Store, open_store

__all__ = ["EmbeddedPostgres", "Store", "open_store"]
