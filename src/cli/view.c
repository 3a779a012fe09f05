#include "view.h"

#include "clock.h"
#include "json.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct view view_new(const char *file)
{
    return (struct view){
        .file = file, .began_ms = clock_monotonic_ms(), .terminal = isatty(STDERR_FILENO)};
}

void view_clear(const struct view *view)
{
    if (view->terminal)
        fputs("\r\033[K", stderr);
}

static void show_bar(struct view *view, const json_t *progress)
{
    int64_t now = clock_monotonic_ms();
    int64_t rows = json_int_or(progress, "rows", 0);
    int64_t bytes = json_int_or(progress, "bytes", 0), total = json_int_or(progress, "total", 0);
    if (!view->terminal || now - view->shown_ms < 100)
        return;
    view->shown_ms = now;
    int percent = total > 0 ? (int)(bytes * 100 / total) : 0;
    double seconds = (double)(now - view->began_ms) / 1000;
    char bar[31];
    memset(bar, '.', 30);
    memset(bar, '#', (size_t)(percent > 100 ? 100 : percent) * 30 / 100);
    bar[30] = '\0';
    fprintf(stderr, "\r%-9s [%s] %3d %%  %lld rows  %.0f rows/s ",
        json_text_or(progress, "phase", "reading"), bar, percent, (long long)rows,
        seconds > 0 ? (double)rows / seconds : 0);
}

void view_line(void *ctx, const json_t *line)
{
    struct view *view = ctx;
    const json_t *progress = json_object_get(line, "progress");
    const json_t *reject = json_object_get(line, "rejected");
    if (progress)
        show_bar(view, progress);
    if (!reject)
        return;
    view->rejected++;
    const char *field = json_text_or(reject, "field", "");
    fprintf(stderr, "%s%s:%lld: %s%s%s\n", view->terminal ? "\r\033[K" : "", view->file,
        (long long)json_int_or(reject, "line", 0), field, *field ? ": " : "",
        json_text_or(reject, "reason", ""));
}
