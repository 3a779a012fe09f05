/*
 * How a batch of facts gets into the tables: first all keys at once, then the rows of each table,
 * then the changes of rows. So a batch costs a number of statements, not each fact. Forgetting a
 * shopper divides a batch, since before and after it the same pseudonym means different rows.
 */
#include "arena.h"
#include "buffer.h"
#include "text.h"
#include "text_index.h"
#include "warehouse_sql_loader.h"

#include <stdlib.h>
#include <string.h>

static const struct bulk inserts[INSERTED] = {
    [INTO_VIEW] = BULK_INSERT_INTO("fact_view", "at_ms, day_key, wine_key, shopper_key, list", 5),
    [INTO_IMPRESSION] = BULK_INSERT_INTO("fact_impression",
        "at_ms, day_key, wine_key, shopper_key, list, query, position, experiment, arm", 9),
    [INTO_CLICK] = BULK_INSERT_INTO("fact_click",
        "at_ms, day_key, wine_key, shopper_key, list, query, position, experiment, arm", 9),
    [INTO_SEARCH] =
        BULK_INSERT_INTO("fact_search", "at_ms, day_key, shopper_key, query, results", 5),
    [INTO_CART] = BULK_INSERT_INTO(
        "fact_cart", "at_ms, day_key, wine_key, shopper_key, quantity, previous", 6),
    [INTO_RATING] = BULK_INSERT_INTO(
        "fact_rating", "at_ms, day_key, wine_key, shopper_key, stars, vintage, source", 7),
    [INTO_ORDER] = BULK_INSERT_INTO("fact_order",
        "order_id, at_ms, day_key, shopper_key, status, sequence, country, region, currency,"
        " subtotal, shipping, tax, total",
        13),
    [INTO_LINE] = BULK_INSERT_INTO("fact_order_line",
        "order_id, at_ms, day_key, wine_key, shopper_key, quantity, unit_price, line_total", 8),
    [INTO_LETTER] = BULK_INSERT_INTO(
        "dead_letter", "position, event_id, shard, sequence, at_ms, reason, body", 7),
    [INTO_EVENT] = BULK_INSERT_INTO("load_event", "up_to, event_ids", 2),
    [INTO_CHECKPOINT] = BULK_INSERT_INTO("load_checkpoint", "shard, sequence", 2),
    [INTO_STAGE_RATING] = BULK_INSERT_INTO(
        "stage_rating", "at_ms, day_key, wine_key, shopper_key, stars, vintage", 6),
};

static const struct bulk changes[CHANGED] = {
    [CHANGE_MERGE] = BULK_CHANGE_OF("UPDATE dim_shopper SET merged_into = s.merged_into",
        "shopper_key, merged_into", 2, "WHERE s.shopper_key = dim_shopper.shopper_key"),
    [CHANGE_WINE] = BULK_CHANGE_OF(
        "UPDATE dim_wine SET name = s.name, winery = s.winery, type = s.type, country = s.country,"
        " region = s.region, vintage = s.vintage, bottle_ml = s.bottle_ml, price = s.price,"
        " currency = s.currency, withdrawn = 0, wine_sequence = s.sequence",
        "wine_key, name, winery, type, country, region, vintage, bottle_ml, price, currency,"
        " sequence",
        11, "WHERE s.wine_key = dim_wine.wine_key AND s.sequence > dim_wine.wine_sequence"),
    [CHANGE_WITHDRAWN] = BULK_CHANGE_OF(
        "UPDATE dim_wine SET withdrawn = 1, wine_sequence = s.sequence", "wine_key, sequence", 2,
        "WHERE s.wine_key = dim_wine.wine_key AND s.sequence > dim_wine.wine_sequence"),
    [CHANGE_STOCK] =
        BULK_CHANGE_OF("UPDATE dim_wine SET available = s.available, stock_sequence = s.sequence",
            "wine_key, available, sequence", 3,
            "WHERE s.wine_key = dim_wine.wine_key AND s.sequence > dim_wine.stock_sequence"),
    [CHANGE_STATUS] =
        BULK_CHANGE_OF("UPDATE fact_order SET status = s.status, sequence = s.sequence",
            "order_id, status, sequence", 3,
            "WHERE s.order_id = fact_order.order_id AND s.sequence > fact_order.sequence"),
};

static const struct bulk find_wines =
    BULK_LIST_OF("SELECT wine_key, wine_id FROM dim_wine WHERE wine_id IN");
static const struct bulk add_wines = BULK_INSERT_INTO("dim_wine",
    "wine_key, wine_id, name, winery, type, country, region, vintage, bottle_ml, price, currency,"
    " withdrawn, wine_sequence, stock_sequence",
    14);
static const struct bulk find_shoppers =
    BULK_LIST_OF("SELECT shopper_key, pseudonym FROM dim_shopper WHERE pseudonym IN");
static const struct bulk add_shoppers =
    BULK_INSERT_INTO("dim_shopper", "shopper_key, pseudonym", 2);
static const struct bulk find_orders =
    BULK_LIST_OF("SELECT 1, order_id FROM fact_order WHERE order_id IN");
static const struct bulk drop_checkpoints =
    BULK_LIST_OF("DELETE FROM load_checkpoint WHERE shard IN");

/* A wine that was seen before its description came. */
static void fill_wine(struct sql_value *columns)
{
    for (int i = 0; i < 5; i++)
        columns[i] = SQL_TEXT("");
    for (int i = 5; i < 12; i++)
        columns[i] = SQL_INT(0);
    columns[8] = SQL_TEXT(""); /* the currency */
}

/* ---- life ---- */

struct loader *loader_new(void)
{
    struct loader *loader = calloc(1, sizeof(*loader));
    if (!loader)
        abort();
    keys_init(&loader->wines, find_wines, add_wines, fill_wine);
    keys_init(&loader->shoppers, find_shoppers, add_shoppers, NULL);
    days_init(&loader->days);
    memcpy(loader->inserts, inserts, sizeof(inserts));
    for (int i = 0; i < CHANGED; i++)
        loader->changes[i].bulk = changes[i];
    loader->find_orders = find_orders;
    loader->drop_checkpoints = drop_checkpoints;
    loader->orders = text_index_new();
    loader->arena = arena_new();
    return loader;
}

void loader_free(struct loader *loader)
{
    keys_release(&loader->wines);
    keys_release(&loader->shoppers);
    days_release(&loader->days);
    for (int i = 0; i < INSERTED; i++)
        bulk_release(&loader->inserts[i]);
    for (int i = 0; i < CHANGED; i++) {
        bulk_release(&loader->changes[i].bulk);
        free(loader->changes[i].items);
    }
    bulk_release(&loader->find_orders);
    bulk_release(&loader->drop_checkpoints);
    text_index_free(loader->orders);
    free(loader->order_rows);
    arena_free(loader->arena);
    free(loader);
}

void loader_clear(struct loader *loader)
{
    for (int i = 0; i < INSERTED; i++)
        bulk_clear(&loader->inserts[i]);
    for (int i = 0; i < CHANGED; i++)
        loader->changes[i].count = 0;
    bulk_clear(&loader->find_orders);
    text_index_free(loader->orders);
    loader->orders = text_index_new();
    arena_clear(loader->arena);
}

void loader_reset(struct loader *loader)
{
    keys_forget(&loader->wines);
    keys_forget(&loader->shoppers);
    days_forget(&loader->days);
    loader_clear(loader);
}

/* A server refuses what is not UTF-8, and with it the whole batch, each time again. */
const char *loader_cut(struct loader *loader, const char *text, size_t width)
{
    size_t length = strnlen(text, width + 1);
    bool whole = length <= width;
    if (!whole)
        length = width;
    while (!whole && length && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    bool valid = utf8_valid(text, length);
    if (whole && valid)
        return text;
    char *copy = arena_strndup(loader->arena, text, length);
    for (char *byte = copy; !valid && *byte; byte++)
        *byte = (char)((unsigned char)*byte < 0x80 ? *byte : '?');
    return copy;
}

/* ---- the first pass: what is going to be asked for ---- */

static const char *cut_id(struct loader *loader, const char *id)
{
    return loader_cut(loader, id, WAREHOUSE_ID_MAX);
}

static void want_shopper(struct loader *loader, const char *pseudonym)
{
    if (*pseudonym)
        keys_want(&loader->shoppers, cut_id(loader, pseudonym));
}

static uint32_t order_number(struct loader *loader, const char *order_id)
{
    size_t count = text_index_count(loader->orders);
    uint32_t number = text_index_add(loader->orders, cut_id(loader, order_id));
    if (number < count)
        return number;
    if (number >= loader->order_capacity) {
        loader->order_capacity = loader->order_capacity ? loader->order_capacity * 2 : 256;
        loader->order_rows =
            reallocarray(loader->order_rows, loader->order_capacity, sizeof(*loader->order_rows));
        if (!loader->order_rows)
            abort();
    }
    loader->order_rows[number] = UNKNOWN_ORDER;
    return number;
}

static void want(struct loader *loader, const struct warehouse_fact *fact)
{
    bool state = fact->kind == WAREHOUSE_WINE || fact->kind == WAREHOUSE_WINE_WITHDRAWN ||
                 fact->kind == WAREHOUSE_STOCK || fact->kind == WAREHOUSE_ORDER_STATUS ||
                 fact->kind == WAREHOUSE_MERGE;
    if (!state)
        days_want(&loader->days, warehouse_day(fact->at_ms));
    want_shopper(loader, fact->shopper);
    if (*fact->wine_id)
        keys_want(&loader->wines, cut_id(loader, fact->wine_id));
    if (fact->kind == WAREHOUSE_MERGE)
        want_shopper(loader, fact->merge.guest);
    if (fact->kind != WAREHOUSE_ORDER)
        return;
    uint32_t number = order_number(loader, fact->order.order_id);
    *bulk_add(&loader->find_orders) = SQL_TEXT(text_index_text(loader->orders, number));
    for (size_t i = 0; i < fact->order.line_count; i++)
        keys_want(&loader->wines, cut_id(loader, fact->order.lines[i].wine_id));
}

static int mark_known_orders(struct loader *loader, struct sql *sql, struct error *error)
{
    int rc = 0;
    for (size_t from = 0; rc == 0 && from < loader->find_orders.count;) {
        rc = bulk_query(&loader->find_orders, sql, &from, error);
        while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
            uint32_t number = text_index_find(loader->orders, sql_text(sql, 1));
            if (number != TEXT_INDEX_NONE)
                loader->order_rows[number] = KNOWN_ORDER;
            rc = 0;
        }
    }
    bulk_clear(&loader->find_orders);
    return rc;
}

int loader_resolve(struct loader *loader, struct sql *sql, struct error *error)
{
    int rc = keys_resolve(&loader->wines, sql, &loader->counts.wines, error);
    if (rc == 0)
        rc = keys_resolve(&loader->shoppers, sql, &loader->counts.shoppers, error);
    if (rc == 0)
        rc = days_resolve(&loader->days, sql, error);
    return rc;
}

/* ---- the second pass: rows and changes ---- */

static int64_t shopper_of(struct loader *loader, const char *pseudonym)
{
    return *pseudonym ? keys_of(&loader->shoppers, cut_id(loader, pseudonym)) : 0;
}

static int64_t wine_of(struct loader *loader, const char *wine_id)
{
    return *wine_id ? keys_of(&loader->wines, cut_id(loader, wine_id)) : 0;
}

/* The columns that every fact of a wine begins with. */
static struct sql_value *add_fact(
    struct loader *loader, enum inserted table, const struct warehouse_fact *fact)
{
    struct sql_value *row = bulk_add(&loader->inserts[table]);
    row[0] = SQL_INT(fact->at_ms);
    row[1] = SQL_INT(warehouse_day(fact->at_ms));
    row[2] = SQL_INT(wine_of(loader, fact->wine_id));
    row[3] = SQL_INT(shopper_of(loader, fact->shopper));
    return row + 4;
}

static void stage_view(struct loader *loader, const struct warehouse_fact *fact)
{
    struct sql_value *row = add_fact(loader, INTO_VIEW, fact);
    row[0] = SQL_TEXT(loader_cut(loader, fact->shown.list, WIDTH_CODE));
}

static void stage_shown(struct loader *loader, const struct warehouse_fact *fact)
{
    bool click = fact->kind == WAREHOUSE_CLICK;
    struct sql_value *row = add_fact(loader, click ? INTO_CLICK : INTO_IMPRESSION, fact);
    row[0] = SQL_TEXT(loader_cut(loader, fact->shown.list, WIDTH_CODE));
    row[1] = SQL_TEXT(loader_cut(loader, fact->shown.query, WIDTH_TEXT));
    row[2] = SQL_INT(fact->shown.position);
    row[3] = SQL_TEXT(cut_id(loader, fact->shown.experiment));
    row[4] = SQL_TEXT(loader_cut(loader, fact->shown.arm, WIDTH_CODE));
}

static void stage_search(struct loader *loader, const struct warehouse_fact *fact)
{
    struct sql_value *row = bulk_add(&loader->inserts[INTO_SEARCH]);
    row[0] = SQL_INT(fact->at_ms);
    row[1] = SQL_INT(warehouse_day(fact->at_ms));
    row[2] = SQL_INT(shopper_of(loader, fact->shopper));
    row[3] = SQL_TEXT(loader_cut(loader, fact->search.query, WIDTH_TEXT));
    row[4] = SQL_INT(fact->search.results);
}

static void stage_cart(struct loader *loader, const struct warehouse_fact *fact)
{
    struct sql_value *row = add_fact(loader, INTO_CART, fact);
    row[0] = SQL_INT(fact->cart.quantity);
    row[1] = SQL_INT(fact->cart.previous);
}

static void stage_rating(struct loader *loader, const struct warehouse_fact *fact)
{
    struct sql_value *row = add_fact(loader, INTO_RATING, fact);
    row[0] = SQL_NUMBER(fact->stars);
    row[1] = SQL_INT(0);
    row[2] = SQL_TEXT("shop");
}

static void stage_lines(
    struct loader *loader, const struct warehouse_fact *fact, const char *order_id)
{
    int64_t shopper = shopper_of(loader, fact->shopper);
    for (size_t i = 0; i < fact->order.line_count; i++) {
        const struct warehouse_line *line = &fact->order.lines[i];
        struct sql_value *row = bulk_add(&loader->inserts[INTO_LINE]);
        row[0] = SQL_TEXT(order_id);
        row[1] = SQL_INT(fact->at_ms);
        row[2] = SQL_INT(warehouse_day(fact->at_ms));
        row[3] = SQL_INT(wine_of(loader, line->wine_id));
        row[4] = SQL_INT(shopper);
        row[5] = SQL_INT(line->quantity);
        row[6] = SQL_INT(line->unit_price);
        row[7] = SQL_INT(line->line_total);
    }
}

#define ORDER_STATUS 4 /* columns of INTO_ORDER */
#define ORDER_SEQUENCE 5

static void stage_order(struct loader *loader, const struct warehouse_fact *fact)
{
    uint32_t number = order_number(loader, fact->order.order_id);
    if (loader->order_rows[number] != UNKNOWN_ORDER)
        return;
    const char *order_id = text_index_text(loader->orders, number);
    struct sql_value *row = bulk_add(&loader->inserts[INTO_ORDER]);
    loader->order_rows[number] = loader->inserts[INTO_ORDER].count;
    row[0] = SQL_TEXT(order_id);
    row[1] = SQL_INT(fact->at_ms);
    row[2] = SQL_INT(warehouse_day(fact->at_ms));
    row[3] = SQL_INT(shopper_of(loader, fact->shopper));
    row[ORDER_STATUS] = SQL_TEXT("pending");
    row[ORDER_SEQUENCE] = SQL_INT(fact->sequence);
    row[6] = SQL_TEXT(loader_cut(loader, fact->order.country, WIDTH_CODE));
    row[7] = SQL_TEXT(loader_cut(loader, fact->order.region, WIDTH_CODE));
    row[8] = SQL_TEXT(loader_cut(loader, fact->order.currency, WIDTH_CODE));
    row[9] = SQL_INT(fact->order.subtotal);
    row[10] = SQL_INT(fact->order.shipping);
    row[11] = SQL_INT(fact->order.tax);
    row[12] = SQL_INT(fact->order.total);
    stage_lines(loader, fact, order_id);
}

static void stage_change(struct loader *loader, enum changed kind, int64_t key, int64_t sequence,
    const struct warehouse_fact *fact)
{
    struct changes *all = &loader->changes[kind];
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? all->capacity * 2 : 64;
        all->items = reallocarray(all->items, all->capacity, sizeof(*all->items));
        if (!all->items)
            abort();
    }
    all->items[all->count++] = (struct change){key, sequence, fact};
}

/* Most orders are decided within the batch that they are placed in. */
static void stage_status(struct loader *loader, const struct warehouse_fact *fact)
{
    uint32_t number = order_number(loader, fact->status.order_id);
    size_t place = loader->order_rows[number];
    if (place == UNKNOWN_ORDER || place == KNOWN_ORDER) {
        stage_change(loader, CHANGE_STATUS, number, fact->sequence, fact);
        return;
    }
    struct bulk *orders = &loader->inserts[INTO_ORDER];
    struct sql_value *row = &orders->values[(place - 1) * (size_t)orders->column_count];
    if (row[ORDER_SEQUENCE].integer < fact->sequence) {
        row[ORDER_STATUS] = SQL_TEXT(loader_cut(loader, fact->status.status, WIDTH_CODE));
        row[ORDER_SEQUENCE] = SQL_INT(fact->sequence);
    }
}

static void stage_merge(struct loader *loader, const struct warehouse_fact *fact)
{
    int64_t user = shopper_of(loader, fact->shopper);
    int64_t guest = shopper_of(loader, fact->merge.guest);
    if (user && guest && user != guest)
        stage_change(
            loader, CHANGE_MERGE, guest, (int64_t)loader->changes[CHANGE_MERGE].count, fact);
}

static void stage_wine(struct loader *loader, const struct warehouse_fact *fact)
{
    stage_change(loader,
        fact->kind == WAREHOUSE_WINE             ? CHANGE_WINE
        : fact->kind == WAREHOUSE_WINE_WITHDRAWN ? CHANGE_WITHDRAWN
                                                 : CHANGE_STOCK,
        wine_of(loader, fact->wine_id), fact->sequence, fact);
}

static void (*const stagers[])(struct loader *, const struct warehouse_fact *) = {
    [WAREHOUSE_VIEW] = stage_view,
    [WAREHOUSE_IMPRESSION] = stage_shown,
    [WAREHOUSE_CLICK] = stage_shown,
    [WAREHOUSE_SEARCH] = stage_search,
    [WAREHOUSE_CART] = stage_cart,
    [WAREHOUSE_ORDER] = stage_order,
    [WAREHOUSE_ORDER_STATUS] = stage_status,
    [WAREHOUSE_RATING] = stage_rating,
    [WAREHOUSE_WINE] = stage_wine,
    [WAREHOUSE_WINE_WITHDRAWN] = stage_wine,
    [WAREHOUSE_STOCK] = stage_wine,
    [WAREHOUSE_MERGE] = stage_merge,
};

int loader_stage(struct loader *loader, struct sql *sql, const struct warehouse_fact *facts,
    size_t count, struct error *error)
{
    keys_trim(&loader->wines);
    keys_trim(&loader->shoppers);
    for (size_t i = 0; i < count; i++)
        want(loader, &facts[i]);
    int rc = loader_resolve(loader, sql, error);
    if (rc == 0)
        rc = mark_known_orders(loader, sql, error);
    for (size_t i = 0; rc == 0 && i < count; i++)
        stagers[facts[i].kind](loader, &facts[i]);
    return rc;
}
