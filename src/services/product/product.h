/*
 * The product service: wines, their stock and reservations, ratings and pictures, and finding them.
 *
 * Owns product.db and the contents of the search index (which it builds from the former and can
 * always build again). Reservations keep their promise under any crash: see store.h.
 *
 * Order: new, attach_relay, start (after the relay's and before the first request), ... , stop
 * (after the last request and before the relay stops), free. The ports it is given outlive it.
 */
#ifndef PRODUCT_H
#define PRODUCT_H

#include "error.h"
#include "money.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct blob;
struct metrics;
struct product_service;
struct product_store;
struct queue;
struct relay;
struct router;
struct search;
struct upstream;

struct product_options {
    struct product_store *store;
    struct search *search;
    struct blob *blob;       /* where uploads are kept for the image service; NULL: no uploads */
    struct upstream *user;   /* for the first names of raters; NULL: "A shopper" */
    struct queue *stock;     /* bulk corrections to consume; NULL: none */
    struct metrics *metrics; /* or NULL */
    const char *currency;    /* of the shop, ISO 4217; copied */
};

int product_service_new(
    struct product_service **out, const struct product_options *options, struct error *error);

/* Public paths, back office and /internal/. */
struct router *product_service_router(struct product_service *service);

/* Makes the store's outbox a source of the relay. Before the first write. */
void product_service_attach_relay(struct product_service *service, struct relay *relay);

/* Brings the search up to date in a thread of its own (at once when it was closed cleanly) and
 * consumes the stock queue. */
int product_service_start(struct product_service *service, struct error *error);

/* Waits until the search has heard of every change, and stops the threads and the consumer.
 * Returns the position to close the search with (search_close); `*clean` is false when the search
 * is not up to date. */
uint64_t product_service_stop(struct product_service *service, bool *clean);

void product_service_free(struct product_service *service);

/* Rebuilds the index beside, as after an unclean stop; `winestore reindex`. Blocks until done when
 * `wait` is set. `progress` may be NULL. */
int product_service_reindex(struct product_service *service, bool wait,
    void (*progress)(void *ctx, int64_t done, int64_t total), void *ctx, struct error *error);

/* ---- the catalogue file: docs/import-format.md ---- */

struct import_options {
    const char *file_name;        /* for reports */
    bool keep_good;               /* load the good rows of a file that has bad ones */
    bool dry_run;                 /* check only */
    int64_t price_min, price_max; /* minor units: X-Wines has no prices; 0: 800 and 9000 */
    int64_t stock;                /* X-Wines has no stock; the same for every new wine */
    bool wait_for_search;         /* return when the search has heard of all */
};

struct import_rejection {
    const char *file;
    int64_t line;
    const char *field; /* "" when it is the whole row */
    const char *reason;
};

enum import_phase { IMPORT_READING, IMPORT_STORING, IMPORT_INDEXING };

struct import_progress {
    enum import_phase phase;
    int64_t rows, total_rows;   /* of the phase; total 0: not known */
    int64_t bytes, total_bytes; /* of the file, while reading; total 0: not known */
};

struct import_callbacks {
    void (*rejected)(void *ctx, const struct import_rejection *rejection);
    void (*progress)(void *ctx, const struct import_progress *progress);
    void *ctx;
};

struct import_result {
    int64_t rows; /* of data, good and bad */
    int64_t rejected;
    int64_t added, changed, unchanged;
    bool applied; /* false: nothing was changed */
    bool x_wines; /* the file was X-Wines' */
};

/* Reads the whole file, reports every bad row, and applies it in one transaction: all or nothing.
 * ERROR_INVALID when rows were rejected (and `keep_good` was not given) or the header is wrong.
 * Blocks; any thread that does not serve. `file` stays the caller's. Callbacks may be NULL. */
int product_import(struct product_service *service, FILE *file,
    const struct import_options *options, const struct import_callbacks *callbacks,
    struct import_result *result, struct error *error);

/* Writes every wine that is for sale; importing the result changes nothing. Blocks. */
int product_export(
    struct product_service *service, FILE *file, int64_t *wines, struct error *error);

#endif
