#include "picture.h"

#include "buffer.h"

#include <string.h>
#include <vips/vips.h>

#define MAX_PIXELS 50000000LL
#define MAX_SIDE 30000 /* a line of ten million pixels takes longer than a square of them */
#define QUALITY 80
#define EFFORT 4 /* of libwebp, 0 to 6 */

static const int widths[IMAGE_SIZES] = {IMAGE_MAX_WIDTH, 600, 300};

static void drop_log(
    const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer user_data)
{
    (void)domain, (void)level, (void)message, (void)user_data;
}

int picture_init(const char *program)
{
    /* Intermediate images in memory: the limit on it holds, and there is no disk to spill to. */
    g_setenv("VIPS_DISC_THRESHOLD", "2g", TRUE);
    g_log_set_default_handler(drop_log, NULL);
    if (VIPS_INIT(program) != 0)
        return -1;
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    vips_block_untrusted_set(TRUE);
    vips_operation_block_set("VipsForeignLoad", TRUE);
    vips_operation_block_set("VipsForeignLoadJpeg", FALSE);
    vips_operation_block_set("VipsForeignLoadPng", FALSE);
    vips_operation_block_set("VipsForeignLoadWebp", FALSE);
    return 0;
}

static const char *sniff(const unsigned char *data, size_t length)
{
    if (length >= 3 && memcmp(data, "\xff\xd8\xff", 3) == 0)
        return "jpeg";
    if (length >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0)
        return "png";
    if (length >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0)
        return "webp";
    return NULL;
}

/* libvips explains in a line or several; the first will do. */
static enum image_exit unreadable(struct error *error)
{
    const char *why = vips_error_buffer();
    error_set(error, ERROR_INVALID, "not_a_picture", NULL, "the picture is damaged: %.*s",
        (int)strcspn(why, "\n"), why);
    return IMAGE_NOT_A_PICTURE;
}

/* Reads the header only. */
static VipsImage *open_picture(const char *format, const unsigned char *data, size_t length)
{
    VipsImage *image = NULL;
    void *bytes = (void *)data; /* libvips reads it only */
    int rc = strcmp(format, "jpeg") == 0  ? vips_jpegload_buffer(bytes, length, &image, NULL)
             : strcmp(format, "png") == 0 ? vips_pngload_buffer(bytes, length, &image, NULL)
                                          : vips_webpload_buffer(bytes, length, &image, NULL);
    return rc == 0 ? image : NULL;
}

static enum image_exit check_header(
    const unsigned char *data, size_t length, struct picture_info *info, struct error *error)
{
    VipsImage *image = open_picture(info->format, data, length);
    if (!image)
        return unreadable(error);
    info->width = vips_image_get_width(image);
    info->height = vips_image_get_height(image);
    g_object_unref(image);
    if (info->width > MAX_SIDE || info->height > MAX_SIDE ||
        (int64_t)info->width * info->height > MAX_PIXELS) {
        error_set(error, ERROR_INVALID, "too_large", NULL,
            "the picture unpacks to %d x %d pixels: at most 50 million, and %d a side, are taken",
            info->width, info->height, MAX_SIDE);
        return IMAGE_TOO_LARGE;
    }
    return IMAGE_DONE;
}

static void *collect_field(VipsImage *image, const char *field, GValue *value, void *ctx)
{
    (void)image, (void)value;
    if (strcmp(field, VIPS_META_ICC_NAME) == 0 || strstr(field, "exif") || strstr(field, "xmp") ||
        strstr(field, "iptc") || strstr(field, "comment"))
        g_ptr_array_add(ctx, g_strdup(field));
    return NULL;
}

/* Colours are sRGB by now, which is what a browser takes a picture without a profile for; the
 * profile would be 7 KB of every thumbnail. `strip` keeps it. */
static void drop_metadata(VipsImage *image)
{
    GPtrArray *fields = g_ptr_array_new_with_free_func(g_free);
    vips_image_map(image, collect_field, fields);
    for (guint i = 0; i < fields->len; i++)
        vips_image_remove(image, g_ptr_array_index(fields, i));
    g_ptr_array_free(fields, TRUE);
}

/* The widest size, decoded once and held in memory; the smaller ones are made from it. A truncated
 * picture fails through the loader's option: libvips 8.14 does not pass its own "fail_on" on. */
static VipsImage *shrink_first(const unsigned char *data, size_t length)
{
    VipsImage *lazy = NULL, *image = NULL;
    if (vips_thumbnail_buffer((void *)data, length, &lazy, widths[0], "height", IMAGE_MAX_HEIGHT,
            "size", VIPS_SIZE_DOWN, "export_profile", "srgb", "option_string",
            "[fail_on=truncated]", NULL) != 0)
        return NULL;
    image = vips_image_copy_memory(lazy);
    g_object_unref(lazy);
    if (image)
        drop_metadata(image);
    return image;
}

/* 1 when a size was made, 0 when the picture is not wider than it, -1 on failure. */
static int append_size(VipsImage *first, int width, struct image_size *size, void **bytes)
{
    VipsImage *image = NULL;
    size_t length;
    if (width == widths[0]) {
        image = first;
        g_object_ref(image);
    } else if (vips_image_get_width(first) <= width) {
        return 0;
    } else if (vips_thumbnail_image(first, &image, width, "height", IMAGE_MAX_HEIGHT, "size",
                   VIPS_SIZE_DOWN, NULL) != 0) {
        return -1;
    }
    int rc = vips_webpsave_buffer(
        image, bytes, &length, "Q", QUALITY, "effort", EFFORT, "strip", TRUE, NULL);
    *size = (struct image_size){.width = (uint32_t)vips_image_get_width(image),
        .height = (uint32_t)vips_image_get_height(image),
        .length = rc == 0 ? (uint32_t)length : 0,
        .data = *bytes};
    g_object_unref(image);
    return rc == 0 ? 1 : -1;
}

static enum image_exit append_sizes(
    struct buffer *frame, VipsImage *first, struct picture_info *info, struct error *error)
{
    struct image_size sizes[IMAGE_SIZES];
    void *bytes[IMAGE_SIZES] = {0};
    int rc = 0;
    for (size_t i = 0; i < IMAGE_SIZES && rc >= 0; i++) {
        rc = append_size(first, widths[i], &sizes[info->sizes], &bytes[info->sizes]);
        info->sizes += rc > 0;
    }
    if (rc >= 0)
        image_frame_write(frame, sizes, info->sizes);
    for (size_t i = 0; i < IMAGE_SIZES; i++)
        g_free(bytes[i]);
    return rc >= 0 ? IMAGE_DONE : unreadable(error);
}

enum image_exit picture_shrink(struct buffer *frame, const unsigned char *data, size_t length,
    struct picture_info *info, struct error *error)
{
    *info = (struct picture_info){.format = sniff(data, length)};
    if (!info->format) {
        error_set(error, ERROR_INVALID, "not_a_picture", NULL,
            "the file is no JPEG, PNG or WebP picture");
        return IMAGE_NOT_A_PICTURE;
    }
    enum image_exit rc = check_header(data, length, info, error);
    if (rc != IMAGE_DONE)
        return rc;
    VipsImage *first = shrink_first(data, length);
    if (!first)
        return unreadable(error);
    rc = append_sizes(frame, first, info, error);
    g_object_unref(first);
    return rc;
}
