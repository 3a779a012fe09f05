/* What the loader's files share. */
#ifndef WAREHOUSE_SQL_LOADER_H
#define WAREHOUSE_SQL_LOADER_H

#include "warehouse_sql_keys.h"

/* Numbers given so far, in the only row of load_state. The loaders' lock guards it. */
struct counts {
    int64_t forgotten; /* how often shoppers were: whoever remembers their keys forgets them, too */
    int64_t wines, shoppers; /* keys */
    int64_t events;          /* ids of events */
    int64_t letters;         /* dead letters */
};

enum inserted {
    INTO_VIEW,
    INTO_IMPRESSION,
    INTO_CLICK,
    INTO_SEARCH,
    INTO_CART,
    INTO_RATING,
    INTO_ORDER,
    INTO_LINE,
    INTO_LETTER,
    INTO_EVENT,
    INTO_CHECKPOINT,
    INTO_STAGE_RATING,
    INSERTED
};

enum changed { CHANGE_MERGE, CHANGE_WINE, CHANGE_WITHDRAWN, CHANGE_STOCK, CHANGE_STATUS, CHANGED };

/* The newest of several changes of one row counts. */
struct change {
    int64_t key;
    int64_t sequence;
    const struct warehouse_fact *fact;
};

struct changes {
    struct change *items;
    size_t count, capacity;
    struct bulk bulk;
};

struct loader {
    struct counts counts, before; /* now, and as the table has them */
    struct keys wines, shoppers;
    struct days days;
    struct bulk inserts[INSERTED];
    struct changes changes[CHANGED];
    struct bulk find_orders, drop_checkpoints;
    struct text_index *orders; /* of the facts at hand */
    size_t *order_rows;        /* by their number: the row in INTO_ORDER, and 1; 0: none */
    size_t order_capacity;
    struct arena *arena; /* texts of the facts at hand */
};

#define UNKNOWN_ORDER 0
#define KNOWN_ORDER SIZE_MAX

/* `text`, cut to `width` bytes, at the end of a character; well-formed UTF-8 in any case. */
const char *loader_cut(struct loader *loader, const char *text, size_t width);

/* Forgets the rows and changes that wait. */
void loader_clear(struct loader *loader);

/* Makes rows and changes of facts, none of which is WAREHOUSE_FORGET. */
int loader_stage(struct loader *loader, struct sql *sql, const struct warehouse_fact *facts,
    size_t count, struct error *error);

/* Writes the rows and changes that wait. */
int loader_flush(struct loader *loader, struct sql *sql, struct error *error);

/* What every job begins and ends with. */
int loader_begin(struct loader *loader, struct sql *sql, struct error *error);
int loader_end(struct loader *loader, struct sql *sql, struct error *error);

/* Resolves what is wanted. */
int loader_resolve(struct loader *loader, struct sql *sql, struct error *error);

#endif
