/*
 * Imported ratings. Those of shoppers that are new replace nothing and go straight to their table;
 * the others are staged, what they replace is deleted, and then they follow.
 */
#include "warehouse_sql_loader.h"

#include <stdlib.h>

/* At a time, so that an import of any size needs the same memory. */
#define ROWS 32768

struct placed {
    int64_t shopper, wine;
    const struct warehouse_rating_row *row; /* later rows have higher addresses */
};

static int by_both(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->shopper != y->shopper)
        return x->shopper < y->shopper ? -1 : 1;
    if (x->wine != y->wine)
        return x->wine < y->wine ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static int by_time(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->row->at_ms != y->row->at_ms)
        return x->row->at_ms < y->row->at_ms ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Keeps the last of several of the same shopper and wine, in the order of time: an index is then
 * written from its one end to the other. */
static size_t arrange(struct placed *rows, size_t count)
{
    size_t kept = 0;
    qsort(rows, count, sizeof(*rows), by_both);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || rows[i].shopper != rows[i + 1].shopper ||
            rows[i].wine != rows[i + 1].wine)
            rows[kept++] = rows[i];
    }
    qsort(rows, kept, sizeof(*rows), by_time);
    return kept;
}

static void stage(struct loader *loader, const struct placed *placed, bool is_new)
{
    const struct warehouse_rating_row *rating = placed->row;
    struct sql_value *row = bulk_add(&loader->inserts[is_new ? INTO_RATING : INTO_STAGE_RATING]);
    row[0] = SQL_INT(rating->at_ms);
    row[1] = SQL_INT(warehouse_day(rating->at_ms));
    row[2] = SQL_INT(placed->wine);
    row[3] = SQL_INT(placed->shopper);
    row[4] = SQL_NUMBER(rating->stars);
    row[5] = SQL_INT(rating->vintage);
    if (is_new)
        row[6] = SQL_TEXT("import");
}

/* What is staged takes the place of what it replaces. */
static int replace(struct sql *sql, struct error *error)
{
    int rc = sql_run(sql, error,
        "DELETE FROM fact_rating WHERE source = 'import'"
        " AND shopper_key IN (SELECT shopper_key FROM stage_rating)"
        " AND EXISTS (SELECT 1 FROM stage_rating s"
        " WHERE s.shopper_key = fact_rating.shopper_key AND s.wine_key = fact_rating.wine_key)",
        "");
    if (rc == 0)
        rc = sql_run(sql, error,
            "INSERT INTO fact_rating(at_ms, day_key, wine_key, shopper_key, stars, vintage, source)"
            " SELECT at_ms, day_key, wine_key, shopper_key, stars, vintage, 'import'"
            " FROM stage_rating",
            "");
    return rc < 0 ? rc : sql_run(sql, error, "DELETE FROM stage_rating", "");
}

static const char *cut_id(struct loader *loader, const char *id)
{
    return loader_cut(loader, id, WAREHOUSE_ID_MAX);
}

static int import_some(struct loader *loader, struct sql *sql,
    const struct warehouse_rating_row *rows, size_t count, struct placed *placed,
    struct error *error)
{
    int64_t known = loader->counts.shoppers;
    keys_trim(&loader->wines);
    keys_trim(&loader->shoppers);
    for (size_t i = 0; i < count; i++) {
        keys_want(&loader->wines, cut_id(loader, rows[i].wine_id));
        keys_want(&loader->shoppers, cut_id(loader, rows[i].shopper));
        days_want(&loader->days, warehouse_day(rows[i].at_ms));
    }
    int rc = loader_resolve(loader, sql, error);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        placed[i] = (struct placed){keys_of(&loader->shoppers, cut_id(loader, rows[i].shopper)),
            keys_of(&loader->wines, cut_id(loader, rows[i].wine_id)), &rows[i]};
    count = arrange(placed, count);
    for (size_t i = 0; i < count; i++)
        stage(loader, &placed[i], placed[i].shopper > known);
    bool replaces = loader->inserts[INTO_STAGE_RATING].count > 0;
    rc = loader_flush(loader, sql, error);
    return rc == 0 && replaces ? replace(sql, error) : rc;
}

int loader_import(struct loader *loader, struct sql *sql, const struct warehouse_rating_row *rows,
    size_t count, struct error *error)
{
    struct placed *placed = calloc(count < ROWS ? count + 1 : ROWS, sizeof(*placed));
    if (!placed)
        abort();
    int rc = loader_begin(loader, sql, error);
    for (size_t i = 0; rc == 0 && i < count; i += ROWS)
        rc = import_some(loader, sql, &rows[i], count - i < ROWS ? count - i : ROWS, placed, error);
    free(placed);
    return rc < 0 ? rc : loader_end(loader, sql, error);
}
