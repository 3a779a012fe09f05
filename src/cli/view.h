/* How a file's import is shown: a bar on a terminal, and a line for each rejected row. */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct view {
    const char *file;
    int64_t began_ms, shown_ms;
    int64_t rejected;
    bool terminal;
};

struct view view_new(const char *file);

/* A line of progress, or of a row that was rejected: a control_emit. */
void view_line(void *view, const json_t *line);

/* Takes the bar away. */
void view_clear(const struct view *view);

#endif
