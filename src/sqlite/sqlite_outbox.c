#include "sqlite_outbox.h"

#include "arena.h"

int sqlite_outbox_put(struct sqlite_conn *conn, const struct outbox_item *item, struct error *error)
{
    return sqlite_exec(conn, error, "INSERT INTO outbox(target, key, id, body) VALUES(?, ?, ?, ?)",
        "tttb", item->target, item->key, item->id, item->body, item->length);
}

int sqlite_outbox_read(struct sqlite_conn *conn, struct arena *arena, int64_t after, int max,
    struct outbox_item **items, struct error *error)
{
    CLEANUP_STATEMENT sqlite3_stmt *rows = sqlite_query(conn, error,
        "SELECT seq, target, key, id, body FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?", "ii",
        after, (int64_t)max);
    if (!rows)
        return ERROR_INTERNAL;
    struct outbox_item *found = arena_new_array(arena, max, struct outbox_item);
    int count = 0, rc;
    while ((rc = sqlite_step(conn, rows, error)) > 0) {
        struct outbox_item *item = &found[count++];
        item->seq = sqlite3_column_int64(rows, 0);
        item->target = arena_strdup(arena, sqlite_text(rows, 1));
        item->key = arena_strdup(arena, sqlite_text(rows, 2));
        item->id = arena_strdup(arena, sqlite_text(rows, 3));
        item->length = (size_t)sqlite3_column_bytes(rows, 4);
        item->body = arena_strndup(arena, sqlite3_column_blob(rows, 4), item->length);
    }
    if (rc < 0)
        return rc;
    *items = found;
    return count;
}

int sqlite_outbox_trim(struct sqlite_conn *conn, int64_t upto, struct error *error)
{
    return sqlite_exec(conn, error, "DELETE FROM outbox WHERE seq <= ?", "i", upto);
}
