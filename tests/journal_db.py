"""A journal's database, looked at by nothing of routelmt's, and closed again.

SQLite keeps what it knows of a file by its inode for as long as a connection of the process is
open. One that is left open when its file is gone is taken for that of the next file which gets the
same number, and then shows what is not in it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager


@contextmanager
def journal_db(path, **options):
    """Open a database for one block, which is one transaction."""
    with closing(sqlite3.connect(path, **options)) as db, db:
        yield db
