/*
 * winestore-image: a picture on standard input, its sizes on standard output (image_frame.h), one
 * line of JSON about it on standard error. A process per picture, because decoders of pictures are
 * where attackers look first: this one is caged before it reads a byte.
 */
#include "buffer.h"
#include "clock.h"
#include "picture.h"
#include "sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static enum image_exit read_input(struct buffer *input, struct error *error)
{
    for (;;) {
        buffer_reserve(input, 64 * 1024);
        ssize_t got = read(0, input->data + input->length, 64 * 1024);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            error_set(error, ERROR_INTERNAL, NULL, NULL, "cannot read: %s", strerror(errno));
            return IMAGE_FAILED;
        }
        if (got == 0)
            return IMAGE_DONE;
        input->length += (size_t)got;
        if (input->length > IMAGE_MAX_INPUT) {
            error_set(error, ERROR_INVALID, "too_large", NULL, "the file has more than %zu bytes",
                IMAGE_MAX_INPUT);
            return IMAGE_TOO_LARGE;
        }
    }
}

static enum image_exit write_output(const struct buffer *frame, struct error *error)
{
    size_t done = 0;
    while (done < frame->length) {
        ssize_t written = write(1, frame->data + done, frame->length - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            error_set(error, ERROR_INTERNAL, NULL, NULL, "cannot write: %s", strerror(errno));
            return IMAGE_FAILED;
        }
        done += (size_t)written;
    }
    return IMAGE_DONE;
}

static void report(enum image_exit outcome, const struct picture_info *info, size_t length,
    int64_t started_ms, const struct error *error)
{
    struct buffer line = BUFFER_INIT;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    buffer_printf(&line, "{\"outcome\":%d,\"format\":", outcome);
    buffer_append_json(&line, info->format);
    buffer_printf(&line,
        ",\"bytes\":%zu,\"width\":%d,\"height\":%d,\"sizes\":%zu,\"ms\":%lld,\"peak_kib\":%ld,"
        "\"reason\":",
        length, info->width, info->height, info->sizes,
        (long long)(clock_monotonic_ms() - started_ms), usage.ru_maxrss);
    buffer_append_json(&line, outcome == IMAGE_DONE ? NULL : error->reason);
    buffer_append_text(&line, ",\"message\":");
    buffer_append_json(&line, outcome == IMAGE_DONE ? NULL : error->message);
    buffer_append_text(&line, "}\n");
    if (write(2, line.data, line.length) < 0) {
        /* Nobody listens; the exit code says the most of it. */
    }
    buffer_release(&line);
}

static void out_of_time(int signal)
{
    static const char line[] = "{\"outcome\":3,\"format\":null,\"reason\":\"too_large\","
                               "\"message\":\"the picture takes too long to unpack\"}\n";
    (void)signal;
    _exit(write(2, line, sizeof(line) - 1) < 0 ? IMAGE_FAILED : IMAGE_TOO_LARGE);
}

int main(int argc, char **argv)
{
    (void)argc;
    int64_t started_ms = clock_monotonic_ms();
    struct error error = {0};
    struct picture_info info = {0};
    struct buffer input = BUFFER_INIT, frame = BUFFER_INIT;
    enum image_exit outcome = IMAGE_DONE;
    if (sandbox_limit(out_of_time) != 0 || picture_init(argv[0]) != 0 || sandbox_enter() != 0) {
        error_set(&error, ERROR_INTERNAL, NULL, NULL, "cannot start: %s", strerror(errno));
        outcome = IMAGE_FAILED;
    }
    if (outcome == IMAGE_DONE)
        outcome = read_input(&input, &error);
    if (outcome == IMAGE_DONE)
        outcome =
            picture_shrink(&frame, (const unsigned char *)input.data, input.length, &info, &error);
    if (outcome == IMAGE_DONE)
        outcome = write_output(&frame, &error);
    report(outcome, &info, input.length, started_ms, &error);
    /* Not exit: libraries' farewells are more code to run on what a stranger left in memory. */
    _exit(outcome);
}
