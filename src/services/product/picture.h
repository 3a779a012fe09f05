/*
 * A look at the first bytes of a picture: what format it is and how large it would unpack. Nothing
 * is decoded here: decoders are attack surface and live in a process of their own.
 */
#ifndef PRODUCT_PICTURE_H
#define PRODUCT_PICTURE_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

#define PICTURE_MAX_BYTES ((size_t)10 * 1024 * 1024)
#define PICTURE_MAX_PIXELS ((int64_t)50 * 1000 * 1000)

struct picture {
    const char *type; /* "image/jpeg", "image/png" or "image/webp" */
    int64_t width, height;
};

/* Sources: ITU-T T.81 B.1-B.2 (JPEG), RFC 2083 (PNG), RFC 9649 (WebP). ERROR_INVALID with reason
 * "invalid_image" for anything else, and for pictures of more than PICTURE_MAX_PIXELS. */
int picture_probe(const void *data, size_t length, struct picture *picture, struct error *error);

#endif
