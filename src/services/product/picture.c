#include "picture.h"

#include <stdbool.h>
#include <string.h>

static int64_t big16(const unsigned char *p)
{
    return p[0] << 8 | p[1];
}

static int64_t big32(const unsigned char *p)
{
    return big16(p) << 16 | big16(p + 2);
}

static int64_t little24(const unsigned char *p)
{
    return p[0] | p[1] << 8 | p[2] << 16;
}

static bool probe_png(const unsigned char *data, size_t length, struct picture *picture)
{
    static const unsigned char begin[] = {
        0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
    if (length < 33 || memcmp(data, begin, sizeof(begin)) != 0)
        return false;
    *picture = (struct picture){"image/png", big32(data + 16), big32(data + 20)};
    return true;
}

/* The frame header is one of SOF0 to SOF15, without DHT, JPG and DAC, which lie among them. */
static bool is_frame(unsigned char marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static bool probe_jpeg(const unsigned char *data, size_t length, struct picture *picture)
{
    if (length < 4 || data[0] != 0xff || data[1] != 0xd8)
        return false;
    size_t at = 2;
    while (at + 9 < length && data[at] == 0xff) {
        unsigned char marker = data[at + 1];
        if (marker == 0xff) {
            at++;
            continue;
        }
        if (is_frame(marker)) {
            *picture = (struct picture){"image/jpeg", big16(data + at + 7), big16(data + at + 5)};
            return true;
        }
        if (marker == 0xd9 || marker == 0xda)
            return false;
        at += 2 + (size_t)big16(data + at + 2);
    }
    return false;
}

static bool probe_webp(const unsigned char *data, size_t length, struct picture *picture)
{
    if (length < 30 || memcmp(data, "RIFF", 4) != 0 || memcmp(data + 8, "WEBP", 4) != 0)
        return false;
    picture->type = "image/webp";
    const unsigned char *chunk = data + 12;
    if (memcmp(chunk, "VP8X", 4) == 0) {
        picture->width = 1 + little24(chunk + 12);
        picture->height = 1 + little24(chunk + 15);
        return true;
    }
    if (memcmp(chunk, "VP8L", 4) == 0 && chunk[8] == 0x2f) {
        uint32_t bits = (uint32_t)little24(chunk + 9) | (uint32_t)chunk[12] << 24;
        picture->width = 1 + (bits & 0x3fff);
        picture->height = 1 + (bits >> 14 & 0x3fff);
        return true;
    }
    if (memcmp(chunk, "VP8 ", 4) == 0 && memcmp(chunk + 11, "\x9d\x01\x2a", 3) == 0) {
        picture->width = (chunk[14] | chunk[15] << 8) & 0x3fff;
        picture->height = (chunk[16] | chunk[17] << 8) & 0x3fff;
        return true;
    }
    return false;
}

int picture_probe(const void *data, size_t length, struct picture *picture, struct error *error)
{
    struct picture found = {0};
    if (!probe_png(data, length, &found) && !probe_jpeg(data, length, &found) &&
        !probe_webp(data, length, &found))
        return error_set(error, ERROR_INVALID, "invalid_image", NULL,
            "this is no JPEG, PNG or WebP picture that we can read");
    if (found.width < 1 || found.height < 1 || found.width * found.height > PICTURE_MAX_PIXELS)
        return error_set(error, ERROR_INVALID, "invalid_image", NULL,
            "the picture would be %lld by %lld pixels; at most 50 megapixels are taken",
            (long long)found.width, (long long)found.height);
    *picture = found;
    return 0;
}
