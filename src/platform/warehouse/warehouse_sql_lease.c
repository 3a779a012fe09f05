/* Leases: an owner has one row that says until when it is alive, and one for each shard. */
#include "warehouse_sql.h"

#include <string.h>

/* Nobody holds what a loader that went away held. */
static int expire(struct sql *sql, const struct warehouse_lease_query *query, struct error *error)
{
    int rc = sql_run(sql, error,
        "DELETE FROM load_lease WHERE owner IN"
        " (SELECT owner FROM load_owner WHERE until_ms <= $1)",
        "i", query->now_ms);
    if (rc == 0)
        rc = sql_run(sql, error, "DELETE FROM load_owner WHERE until_ms <= $1", "i", query->now_ms);
    if (rc == 0)
        rc = sql_run(sql, error, "DELETE FROM load_owner WHERE owner = $1", "t", query->owner);
    if (rc == 0 && query->release)
        rc = sql_run(sql, error, "DELETE FROM load_lease WHERE owner = $1", "t", query->owner);
    return rc;
}

static int read_leases(struct sql *sql, const struct warehouse_lease_query *query, bool *taken,
    bool *held, struct error *error)
{
    int rc = sql_query(sql, error, "SELECT shard, owner FROM load_lease", "");
    while (rc == 0 && (rc = sql_step(sql, error)) > 0) {
        int64_t shard = sql_integer(sql, 0);
        if (shard >= 0 && shard < WAREHOUSE_MAX_SHARDS) {
            bool mine = strcmp(sql_text(sql, 1), query->owner) == 0;
            held[shard] = mine;
            taken[shard] = !mine;
        }
        rc = 0;
    }
    return rc;
}

int loader_lease(struct sql *sql, const struct warehouse_lease_query *query,
    bool held[WAREHOUSE_MAX_SHARDS], struct error *error)
{
    bool taken[WAREHOUSE_MAX_SHARDS] = {false}, before[WAREHOUSE_MAX_SHARDS];
    int64_t others = 0;
    memset(held, 0, WAREHOUSE_MAX_SHARDS * sizeof(*held));
    int rc = expire(sql, query, error);
    if (rc < 0 || query->release)
        return rc;
    rc = sql_one(sql, error, &others, "SELECT COUNT(*) FROM load_owner", "");
    if (rc > 0 && others >= WAREHOUSE_MAX_OWNERS)
        return error_set(error, ERROR_UNAVAILABLE, NULL, NULL, "too many loaders at a time");
    rc = sql_run(sql, error, "INSERT INTO load_owner(owner, until_ms) VALUES ($1, $2)", "ti",
        query->owner, query->now_ms + query->lease_ms);
    if (rc == 0)
        rc = read_leases(sql, query, taken, held, error);
    memcpy(before, held, sizeof(before));
    warehouse_lease_share(query, (int)others + 1, taken, held);
    for (int i = 0; rc == 0 && i < WAREHOUSE_MAX_SHARDS; i++) {
        if (before[i] && !held[i])
            rc = sql_run(sql, error, "DELETE FROM load_lease WHERE shard = $1", "i", (int64_t)i);
        else if (held[i] && !before[i])
            rc = sql_run(sql, error, "INSERT INTO load_lease(shard, owner) VALUES ($1, $2)", "it",
                (int64_t)i, query->owner);
    }
    return rc;
}
