#pragma once
#include <sqlite3.h>

/// SQLITE_TRANSIENT: a cast of -1 that Swift cannot import. SQLite copies what is bound with it.
sqlite3_destructor_type csqlite_transient(void);
