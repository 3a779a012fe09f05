#include "error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *error, enum error_code code, const char *reason, const char *field,
    const char *format, ...)
{
    if (!error)
        return code;
    va_list args;
    error->code = code;
    snprintf(error->reason, sizeof(error->reason), "%s", reason ? reason : "");
    snprintf(error->field, sizeof(error->field), "%s", field ? field : "");
    va_start(args, format);
    vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    return code;
}

const char *error_code_name(int code)
{
    switch (code) {
    case ERROR_NOT_FOUND:
        return "not_found";
    case ERROR_CONFLICT:
        return "conflict";
    case ERROR_INVALID:
        return "invalid_field";
    case ERROR_UNAUTHORIZED:
        return "unauthenticated";
    case ERROR_UNAVAILABLE:
        return "unavailable";
    case ERROR_TIMEOUT:
        return "timeout";
    default:
        return "internal";
    }
}
