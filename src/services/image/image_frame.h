/*
 * What the worker `winestore-image` answers on its standard output: the sizes it made.
 *
 *     "WIMG" | count | count times: width | height | length | length bytes of WebP
 *
 * Numbers are 32 bits, most significant byte first. The reader trusts nothing: the worker has seen
 * a stranger's file.
 */
#ifndef SERVICES_IMAGE_FRAME_H
#define SERVICES_IMAGE_FRAME_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

#define IMAGE_SIZES 3 /* at most, in a frame */
#define IMAGE_MAX_WIDTH 1000
#define IMAGE_MAX_HEIGHT 4000
#define IMAGE_MAX_INPUT ((size_t)20 * 1024 * 1024)
#define IMAGE_MAX_OUTPUT ((size_t)4 * 1024 * 1024) /* bytes of one size */

/* Exit codes of the worker. */
enum image_exit {
    IMAGE_DONE = 0,
    IMAGE_NOT_A_PICTURE = 2, /* not JPEG, PNG or WebP, or damaged */
    IMAGE_TOO_LARGE = 3,     /* too many bytes or pixels */
    IMAGE_FAILED = 4,        /* not the picture's fault, as far as one can tell */
};

struct image_size {
    uint32_t width, height, length;
    const unsigned char *data;
};

void image_frame_write(struct buffer *buffer, const struct image_size *sizes, size_t count);

/* Fills `sizes` (IMAGE_SIZES of them) with views into `data`, widest first, and `*count` with their
 * number, at least 1. ERROR_INVALID for what is no whole frame or breaks the bounds above. */
int image_frame_read(const unsigned char *data, size_t length, struct image_size *sizes,
    size_t *count, struct error *error);

#endif
