/*
 * Running the worker `winestore-image` on one picture: a child process with pipes, a deadline, caps
 * on what it may answer, and nothing else of ours open in it.
 */
#ifndef SERVICES_IMAGE_PROCESS_H
#define SERVICES_IMAGE_PROCESS_H

#include "buffer.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>

struct image_process {
    const char *path;
    int deadline_ms;
    int cancel_fd; /* readable: give up (an eventfd) */
};

struct image_result {
    int exit_code;     /* of enum image_exit, -1 when it was killed */
    bool late;         /* by us, at the deadline */
    struct buffer out; /* what it wrote, at most a whole frame; the caller's to release */
    struct buffer log; /* its line, not to be trusted */
};

/* Blocks until the child is gone and reaped. ERROR_UNAVAILABLE when it cannot be started,
 * ERROR_TIMEOUT with reason "cancelled" when `cancel_fd` became readable. */
int image_process_run(const struct image_process *process, const void *data, size_t length,
    struct image_result *result, struct error *error);

void image_result_release(struct image_result *result);

#endif
