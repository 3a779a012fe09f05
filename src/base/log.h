/*
 * The log: one JSON object a line on standard error, RFC 3339 times, the trace id of the request
 * where there is one. Only floors above the libraries log; secrets and personal data never do.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Lines below `level` are dropped. Set once, before threads start. */
void log_set_level(enum log_level level);

/* "debug", "info", "warn", "error" -> 0 and the level, else -1. */
int log_level_parse(const char *text, enum log_level *level);

/* `component` names the part that speaks ("order", "gateway"); `trace_id` may be NULL. */
void log_write(enum log_level level, const char *component, const char *trace_id,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
