#include "image_frame.h"

#include "buffer.h"

#include <string.h>

static const char magic[4] = {'W', 'I', 'M', 'G'};

static void append_number(struct buffer *buffer, uint32_t number)
{
    unsigned char bytes[4] = {(unsigned char)(number >> 24), (unsigned char)(number >> 16),
        (unsigned char)(number >> 8), (unsigned char)number};
    buffer_append(buffer, bytes, sizeof(bytes));
}

void image_frame_write(struct buffer *buffer, const struct image_size *sizes, size_t count)
{
    buffer_append(buffer, magic, sizeof(magic));
    append_number(buffer, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        append_number(buffer, sizes[i].width);
        append_number(buffer, sizes[i].height);
        append_number(buffer, sizes[i].length);
        buffer_append(buffer, sizes[i].data, sizes[i].length);
    }
}

struct cursor {
    const unsigned char *at;
    size_t left;
};

static int take(struct cursor *cursor, size_t length, const unsigned char **bytes)
{
    if (cursor->left < length)
        return -1;
    *bytes = cursor->at;
    cursor->at += length;
    cursor->left -= length;
    return 0;
}

static int take_number(struct cursor *cursor, uint32_t *number)
{
    const unsigned char *b;
    if (take(cursor, 4, &b) != 0)
        return -1;
    *number = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return 0;
}

static int is_webp(const struct image_size *size)
{
    return size->length >= 12 && memcmp(size->data, "RIFF", 4) == 0 &&
           memcmp(size->data + 8, "WEBP", 4) == 0;
}

static int take_size(struct cursor *cursor, uint32_t below, struct image_size *size)
{
    if (take_number(cursor, &size->width) != 0 || take_number(cursor, &size->height) != 0 ||
        take_number(cursor, &size->length) != 0)
        return -1;
    if (size->width == 0 || size->width >= below || size->height == 0 ||
        size->height > IMAGE_MAX_HEIGHT || size->length > IMAGE_MAX_OUTPUT)
        return -1;
    return take(cursor, size->length, &size->data) == 0 && is_webp(size) ? 0 : -1;
}

int image_frame_read(const unsigned char *data, size_t length, struct image_size *sizes,
    size_t *count, struct error *error)
{
    struct cursor cursor = {data, length};
    const unsigned char *head;
    uint32_t number = 0;
    bool good = take(&cursor, sizeof(magic), &head) == 0 &&
                memcmp(head, magic, sizeof(magic)) == 0 && take_number(&cursor, &number) == 0 &&
                number >= 1 && number <= IMAGE_SIZES;
    struct image_size found[IMAGE_SIZES];
    for (uint32_t i = 0; good && i < number; i++)
        good = take_size(&cursor, i ? found[i - 1].width : IMAGE_MAX_WIDTH + 1, &found[i]) == 0;
    if (!good || cursor.left != 0)
        return error_set(error, ERROR_INVALID, "image_frame", NULL,
            "the image worker's answer is not in its format");
    memcpy(sizes, found, number * sizeof(*sizes));
    *count = number;
    return 0;
}
