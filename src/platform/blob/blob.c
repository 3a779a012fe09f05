#include "blob.h"

#include "blob_check.h"

#include <stdlib.h>
#include <string.h>

#define SEGMENT_MAX 200

void blob_object_release(struct blob_object *object)
{
    free(object->data);
    *object = (struct blob_object){0};
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool blob_name_valid(const char *name)
{
    size_t segment = 0, length = 0;
    for (; name[length]; length++) {
        char c = name[length];
        if (c == '/') {
            if (segment == 0)
                return false;
            segment = 0;
        } else if (!name_char(c) || (segment == 0 && c == '.') || ++segment > SEGMENT_MAX) {
            return false;
        }
        if (length >= BLOB_NAME_MAX)
            return false;
    }
    return segment > 0;
}

int blob_check_name(const char *name, struct error *error)
{
    if (blob_name_valid(name))
        return 0;
    return error_set(error, ERROR_INVALID, "blob_name", "name",
        "a blob's name is made of letters, digits, '.', '_', '-' and '/'");
}

/* Printable ASCII: the type goes into a header field one day. */
static bool type_valid(const char *type)
{
    size_t length = strlen(type);
    if (length == 0 || length >= BLOB_TYPE_SIZE)
        return false;
    for (const char *c = type; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            return false;
    const char *slash = strchr(type, '/');
    return slash && slash != type && slash[1];
}

int blob_check_put(const char *name, const char *type, size_t length, struct error *error)
{
    int rc = blob_check_name(name, error);
    if (rc != 0)
        return rc;
    if (!type_valid(type))
        return error_set(error, ERROR_INVALID, "blob_type", "type",
            "a blob's type is a media type such as image/webp");
    if (length > BLOB_MAX_BYTES)
        return error_set(error, ERROR_INVALID, "too_large", "data",
            "a blob has at most %zu bytes, not %zu", BLOB_MAX_BYTES, length);
    return 0;
}

int blob_too_large(const char *name, size_t length, size_t cap, struct error *error)
{
    return error_set(error, ERROR_INVALID, "too_large", "name",
        "blob %s has %zu bytes, more than the %zu asked for", name, length, cap);
}

int blob_missing(const char *name, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, NULL, "name", "there is no blob %s", name);
}
