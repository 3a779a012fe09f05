/*
 * Decoding and shrinking, over libvips. JPEG, PNG and WebP only, recognised by their first bytes,
 * whatever the file was called.
 */
#ifndef IMAGE_WORKER_PICTURE_H
#define IMAGE_WORKER_PICTURE_H

#include "error.h"
#include "image_frame.h"

struct buffer;

struct picture_info {
    const char *format; /* "jpeg", "png", "webp"; NULL while unknown */
    int width, height;
    size_t sizes;
};

/* Starts libvips with only the three loaders. 0 or -1. */
int picture_init(const char *program);

/* Appends a frame with the picture upright, in sRGB and without metadata, in up to IMAGE_SIZES
 * widths, none above its own. Returns the exit code; `error` says why it is not IMAGE_DONE. `info`
 * is filled as far as things were found out. */
enum image_exit picture_shrink(struct buffer *frame, const unsigned char *data, size_t length,
    struct picture_info *info, struct error *error);

#endif
