/*
 * A file per message, written beside (a name with a leading dot) and renamed, so that whoever
 * watches the directory never reads half of one.
 */
#include "buffer.h"
#include "mail.h"
#include "mime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_SIZE 256

struct mail_file {
    struct mail base;
    int directory;
    bool sync;
    atomic_uint serial;
};

/* "20260131T235959Z-<message id>.eml", with what a file name should not hold replaced; the id's
 * right side, the shop's, is left out. The date is the message's own, so that a repeat meets the
 * same name. */
static void file_name(const struct mail_message *message, char name[NAME_SIZE])
{
    time_t seconds = (time_t)(message->date_ms / 1000);
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    size_t length = strftime(name, NAME_SIZE, "%Y%m%dT%H%M%SZ-", &tm);
    for (const char *c = message->message_id; *c && *c != '@' && length < NAME_SIZE - 8; c++) {
        bool kept = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                    (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' || *c == '.';
        name[length++] = kept ? *c : '_';
    }
    memcpy(name + length, ".eml", 5);
}

static int write_whole(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, data, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        data += written;
        length -= (size_t)written;
    }
    return 0;
}

static int write_file(struct mail_file *file, const char *name, const struct buffer *text)
{
    char temporary[48];
    snprintf(temporary, sizeof(temporary), ".new-%d-%u", (int)getpid(),
        atomic_fetch_add(&file->serial, 1));
    int fd = openat(file->directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    bool good = write_whole(fd, text->data, text->length) == 0;
    good = good && (!file->sync || fsync(fd) == 0);
    int why = errno;
    close(fd);
    if (good) {
        good = renameat(file->directory, temporary, file->directory, name) == 0 &&
               (!file->sync || fsync(file->directory) == 0);
        why = errno;
    }
    if (!good)
        unlinkat(file->directory, temporary, 0);
    errno = why;
    return good ? 0 : -1;
}

static int file_send(struct mail *mail, const struct mail_message *message, struct error *error)
{
    struct mail_file *file = (struct mail_file *)mail;
    CLEANUP_BUFFER struct buffer text = BUFFER_INIT;
    int rc = mime_write(&text, message, error);
    if (rc != 0)
        return rc;
    char name[NAME_SIZE];
    file_name(message, name);
    if (write_file(file, name, &text) != 0)
        return error_set(error, ERROR_UNAVAILABLE, "mail_directory", NULL,
            "cannot write the mail %s: %s", name, strerror(errno));
    return 0;
}

static void file_close(struct mail *mail)
{
    struct mail_file *file = (struct mail_file *)mail;
    close(file->directory);
    free(file);
}

static const struct mail_ops file_ops = {.send = file_send, .close = file_close};

int mail_file_open(struct mail **out, const char *directory, bool sync, struct error *error)
{
    int fd = -1;
    if (mkdir(directory, 0700) == 0 || errno == EEXIST)
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || faccessat(fd, ".", W_OK | X_OK, 0) != 0) {
        int why = errno;
        if (fd >= 0)
            close(fd);
        return error_set(error, ERROR_UNAVAILABLE, "mail_directory", NULL,
            "cannot write mail into %s: %s", directory, strerror(why));
    }
    struct mail_file *file = calloc(1, sizeof(*file));
    if (!file)
        abort();
    file->base.ops = &file_ops;
    file->directory = fd;
    file->sync = sync;
    *out = &file->base;
    return 0;
}
