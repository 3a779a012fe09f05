/* What is asked beside the report. */
#include "arena.h"
#include "warehouse_sql.h"

#include <stdlib.h>
#include <string.h>

/* ---- interactions ---- */

/* One kind's rows as (at, kind, wine, shopper, order, value). */
#define ROWS_OF(kind, table, order, value, who)                                                    \
    "SELECT f.at_ms AS at_ms, " kind " AS kind, w.wine_id AS wine_id,"                             \
    " COALESCE(m.pseudonym, s.pseudonym, '') AS pseudonym, " order " AS order_id, " value          \
    " * 1.0 AS value FROM " table " f JOIN dim_wine w ON w.wine_key = f.wine_key"                  \
    " JOIN dim_shopper s ON s.shopper_key = f.shopper_key"                                         \
    " LEFT JOIN dim_shopper m ON m.shopper_key = s.merged_into"                                    \
    " WHERE f.at_ms >= $1 AND f.at_ms < $2" who

#define NEWEST_OF(kind, table, order, value, who, limit)                                           \
    "SELECT * FROM (" ROWS_OF(                                                                     \
        kind, table, order, value, who) " ORDER BY f.at_ms DESC LIMIT " limit ") v" kind

/* Of an order line: 0 when nothing was delivered. */
#define BOTTLES_KEPT                                                                               \
    "CASE WHEN EXISTS (SELECT 1 FROM fact_order o WHERE o.order_id = f.order_id"                   \
    " AND o.status IN ('rejected', 'cancelled')) THEN 0 ELSE f.quantity END"

#define EVERY_KIND(part, ...)                                                                      \
    part("0", "fact_view", "''", "1", __VA_ARGS__) " UNION ALL " part(                             \
        "1", "fact_click", "''", "1", __VA_ARGS__) " UNION ALL " part("2", "fact_cart", "''",      \
        "f.quantity", __VA_ARGS__) " UNION ALL " part("3", "fact_order_line", "f.order_id",        \
        BOTTLES_KEPT, __VA_ARGS__) " UNION ALL " part("4", "fact_rating", "''", "f.stars",         \
        __VA_ARGS__) " ORDER BY 1, 5, 2, 3, 4, 6"

/* $3: the shopper and the guests merged into it. */
#define OF_SHOPPER                                                                                 \
    " AND f.shopper_key IN (SELECT shopper_key FROM dim_shopper WHERE shopper_key = $3"            \
    " UNION ALL SELECT shopper_key FROM dim_shopper WHERE merged_into = $3)"

static int query_interactions(
    struct sql *sql, const struct warehouse_interaction_query *query, struct error *error)
{
    int64_t until = query->until_ms ? query->until_ms : INT64_MAX, limit = query->limit, key = 0;
    if (!query->shopper && !limit)
        return sql_query(sql, error, EVERY_KIND(ROWS_OF, ""), "ii", query->since_ms, until);
    if (!query->shopper)
        return sql_query(
            sql, error, EVERY_KIND(NEWEST_OF, "", "$3"), "iii", query->since_ms, until, limit);
    int rc = sql_one(sql, error, &key, "SELECT shopper_key FROM dim_shopper WHERE pseudonym = $1",
        "t", query->shopper);
    if (rc <= 0)
        return rc < 0 ? rc : ERROR_NOT_FOUND;
    if (!limit)
        return sql_query(
            sql, error, EVERY_KIND(ROWS_OF, OF_SHOPPER), "iii", query->since_ms, until, key);
    return sql_query(sql, error, EVERY_KIND(NEWEST_OF, OF_SHOPPER, "$4"), "iiii", query->since_ms,
        until, key, limit);
}

int warehouse_sql_interactions(struct sql *sql, const struct warehouse_interaction_query *query,
    warehouse_interaction_fn *fn, void *ctx, struct error *error)
{
    static const enum warehouse_fact_kind kinds[] = {
        WAREHOUSE_VIEW, WAREHOUSE_CLICK, WAREHOUSE_CART, WAREHOUSE_ORDER, WAREHOUSE_RATING};
    int rc = query_interactions(sql, query, error);
    if (rc == ERROR_NOT_FOUND)
        return 0; /* a shopper nobody knows did nothing */
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        struct warehouse_interaction interaction = {
            .kind = kinds[sql_integer(sql, 1)],
            .at_ms = sql_integer(sql, 0),
            .wine_id = sql_text(sql, 2),
            .shopper = sql_text(sql, 3),
            .order_id = sql_text(sql, 4),
            .value = sql_number(sql, 5),
        };
        rc = 0;
        if (fn(ctx, &interaction) != 0) {
            sql_done(sql);
            return 0;
        }
    }
    return rc;
}

/* ---- experiments ---- */

/* Rows without an experiment are not in its index, so each question says that there is one. */
#define OF_EXPERIMENT " f.experiment = $1 AND f.experiment <> ''"

static int count_arms(struct sql *sql, const char *text, const char *experiment, int64_t *a,
    int64_t *b, struct error *error)
{
    int rc = sql_query(sql, error, text, "t", experiment);
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        const char *arm = sql_text(sql, 0);
        if (strcmp(arm, "a") == 0)
            *a = sql_integer(sql, 1);
        else if (strcmp(arm, "b") == 0)
            *b = sql_integer(sql, 1);
        rc = 0;
    }
    return rc;
}

static int judge(struct sql *sql, const char *experiment,
    struct warehouse_experiment_result *result, struct error *error)
{
    int rc = sql_query(sql, error,
        "SELECT COALESCE(SUM(CASE WHEN t.a > t.b THEN 1 ELSE 0 END), 0),"
        " COALESCE(SUM(CASE WHEN t.b > t.a THEN 1 ELSE 0 END), 0),"
        " COALESCE(SUM(CASE WHEN t.a = t.b THEN 1 ELSE 0 END), 0)"
        " FROM (SELECT COALESCE(s.merged_into, f.shopper_key) AS who, f.day_key AS day_key,"
        "  SUM(CASE WHEN f.arm = 'a' THEN 1 ELSE 0 END) AS a,"
        "  SUM(CASE WHEN f.arm = 'b' THEN 1 ELSE 0 END) AS b"
        "  FROM fact_click f JOIN dim_shopper s ON s.shopper_key = f.shopper_key"
        "  WHERE" OF_EXPERIMENT " AND f.shopper_key <> 0 AND f.arm IN ('a', 'b')"
        "  GROUP BY COALESCE(s.merged_into, f.shopper_key), f.day_key) t",
        "t", experiment);
    if (rc == 0)
        rc = sql_step(sql, error);
    if (rc <= 0)
        return rc;
    result->a.won = sql_integer(sql, 0);
    result->b.won = sql_integer(sql, 1);
    result->tied = sql_integer(sql, 2);
    sql_done(sql);
    return 0;
}

int warehouse_sql_experiment(struct sql *sql, const char *experiment,
    struct warehouse_experiment_result *result, struct error *error)
{
    int rc = count_arms(sql,
        "SELECT f.arm, COUNT(*) FROM fact_impression f WHERE" OF_EXPERIMENT " GROUP BY f.arm",
        experiment, &result->a.impressions, &result->b.impressions, error);
    if (rc == 0)
        rc = count_arms(sql,
            "SELECT f.arm, COUNT(*) FROM fact_click f WHERE" OF_EXPERIMENT " GROUP BY f.arm",
            experiment, &result->a.clicks, &result->b.clicks, error);
    return rc < 0 ? rc : judge(sql, experiment, result, error);
}

/* ---- the loader's own ---- */

int warehouse_sql_checkpoints(
    struct sql *sql, int64_t sequences[WAREHOUSE_MAX_SHARDS], struct error *error)
{
    memset(sequences, 0, WAREHOUSE_MAX_SHARDS * sizeof(*sequences));
    int rc = sql_query(sql, error, "SELECT shard, sequence FROM load_checkpoint", "");
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        int64_t shard = sql_integer(sql, 0);
        if (shard >= 0 && shard < WAREHOUSE_MAX_SHARDS)
            sequences[shard] = sql_integer(sql, 1);
        rc = 0;
    }
    return rc;
}

int warehouse_sql_recent(
    struct sql *sql, struct arena *arena, const char ***ids, struct error *error)
{
    size_t count = 0, capacity = 1024;
    const char **found = malloc(capacity * sizeof(*found));
    if (!found)
        abort();
    int rc = sql_query(sql, error, "SELECT event_ids FROM load_event ORDER BY up_to", "");
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        for (const char *id = sql_text(sql, 0); *id;) {
            size_t length = strcspn(id, " ");
            if (count == capacity)
                found = reallocarray(found, capacity *= 2, sizeof(*found));
            if (!found)
                abort();
            found[count++] = arena_strndup(arena, id, length);
            id += length + (id[length] == ' ');
        }
        rc = 0;
    }
    size_t kept = count < WAREHOUSE_RECENT_EVENTS ? count : WAREHOUSE_RECENT_EVENTS;
    if (rc == 0)
        *ids = arena_memdup(arena, found + count - kept, kept * sizeof(*found));
    free(found);
    return rc < 0 ? rc : (int)kept;
}

int warehouse_sql_letters(struct sql *sql, int max, struct arena *arena,
    struct warehouse_letters *letters, struct error *error)
{
    size_t count = 0;
    struct warehouse_dead_letter *found =
        arena_new_array(arena, max > 0 ? max : 1, struct warehouse_dead_letter);
    int rc = sql_query(sql, error,
        "SELECT event_id, shard, sequence, at_ms, reason, body FROM dead_letter"
        " ORDER BY position DESC LIMIT $1",
        "i", (int64_t)max);
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        found[count++] = (struct warehouse_dead_letter){
            .event_id = arena_strdup(arena, sql_text(sql, 0)),
            .shard = (int)sql_integer(sql, 1),
            .sequence = sql_integer(sql, 2),
            .at_ms = sql_integer(sql, 3),
            .reason = arena_strdup(arena, sql_text(sql, 4)),
            .body = arena_strdup(arena, sql_text(sql, 5)),
        };
        rc = 0;
    }
    if (rc == 0)
        *letters = (struct warehouse_letters){found, count};
    return rc;
}
