/*
 * The image service: takes uploads off the queue `images`, has the worker `winestore-image` make
 * three sizes of each, puts them into the blobs and reports to the product service. Contract:
 * docs/internal-api.md, Queues and `POST /internal/wines/{id}/images`.
 *
 * - Sizes are blobs `images/<wine>/<upload>-<width>.webp`, shown under /media/. The same upload
 *   gives the same names, so a message delivered twice has one effect.
 * - What is no picture, or too large a one, is reported as failed and done with. What fails for
 *   another reason is tried again; when the worker died MAX_TRIES times over a picture, that is
 *   reported as failed too.
 *
 * One background thread, which handles one picture at a time and blocks in the worker, the blobs
 * and the product service. The queue's visibility timeout should be above the deadline: 60 s.
 */
#ifndef SERVICES_IMAGE_SERVICE_H
#define SERVICES_IMAGE_SERVICE_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

struct blob;
struct image_service;
struct metrics;
struct queue;
struct upstream;

#define IMAGE_SERVICE_MAX_TRIES 3

struct image_service_options {
    struct queue *queue; /* all are borrowed and outlive the service */
    struct blob *blob;
    struct upstream *product;
    struct metrics *metrics; /* may be NULL */
    const char *worker;      /* path of winestore-image; NULL or "": image_service_worker's */
    int deadline_ms;         /* for one picture; 0: 20 s */
    int64_t retry_ms;        /* before the second try, doubled at each further one; 0: 1 s */
};

/* Where winestore-image lies, going by the running program: beside it, or where the build puts it.
 * Written to `path` of `size` bytes. ERROR_NOT_FOUND tells where it was looked for. */
int image_service_worker(char *path, size_t size, struct error *error);

/* ERROR_NOT_FOUND when there is no worker to run. */
int image_service_new(
    struct image_service **out, const struct image_service_options *options, struct error *error);

/* Starts the thread and subscribes. */
int image_service_start(struct image_service *service, struct error *error);

/* Gives up the picture at hand (it is delivered again) and stops the thread. Fine without a start.
 */
void image_service_stop(struct image_service *service);

/* After the stop. NULL is fine. */
void image_service_free(struct image_service *service);

#endif
