#include "log.h"

#include "buffer.h"
#include "clock.h"
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static enum log_level threshold = LOG_INFO;

void log_set_level(enum log_level level)
{
    threshold = level;
}

int log_level_parse(const char *text, enum log_level *level)
{
    for (int i = 0; i < 4; i++) {
        if (text_equal(text, level_names[i])) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    return -1;
}

void log_write(
    enum log_level level, const char *component, const char *trace_id, const char *format, ...)
{
    if (level < threshold)
        return;
    char message[1024], time[CLOCK_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    CLEANUP_BUFFER struct buffer line = BUFFER_INIT;
    buffer_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"component\":\"%s\"",
        clock_format(clock_now_ms(), time), level_names[level], component);
    if (trace_id && *trace_id) {
        buffer_append_text(&line, ",\"trace_id\":");
        buffer_append_json(&line, trace_id);
    }
    buffer_append_text(&line, ",\"message\":");
    buffer_append_json(&line, message);
    buffer_append_text(&line, "}\n");
    /* One write keeps lines of several threads whole. */
    if (write(STDERR_FILENO, line.data, line.length) < 0)
        return;
}
