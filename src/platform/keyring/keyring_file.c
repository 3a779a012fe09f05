/*
 * The key file is text, so that a backup of it can be printed and typed in again:
 *
 *     winestore-keys 1
 *     mac <64 hex digits>
 *     key <16 hex digits: id> <RFC 3339 time> <64 hex digits>
 *     check <SHA-256 of all that stands above>
 *
 * The last `key` line wraps. The check finds damage, not malice: who can write this file owns the
 * store anyway.
 */
#include "arena.h"
#include "buffer.h"
#include "clock.h"
#include "keyring_local.h"
#include "secure.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TITLE "winestore-keys 1"
#define FILE_MAX ((size_t)1 << 20)
#define HEX_KEY_SIZE 65

struct keyring_file {
    struct keyring_local local;
    pthread_mutex_t rotating; /* one rotation at a time: each writes the whole file */
    char *path;
};

static void append_hex(struct buffer *text, const unsigned char *bytes, size_t length)
{
    char hex[HEX_KEY_SIZE];
    buffer_append_text(text, sodium_bin2hex(hex, sizeof(hex), bytes, length));
    sodium_memzero(hex, sizeof(hex));
}

static void append_master(struct buffer *text, const struct master_key *master)
{
    char created[CLOCK_TEXT_SIZE];
    buffer_append_text(text, "key ");
    append_hex(text, master->id, sizeof(master->id));
    buffer_printf(text, " %s ", clock_format(master->created_ms, created));
    append_hex(text, master->bytes, sizeof(master->bytes));
    buffer_append_char(text, '\n');
}

static void wipe(struct buffer *text)
{
    if (text->data)
        sodium_memzero(text->data, text->capacity);
    buffer_release(text);
}

static int sync_directory_of(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        abort();
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    if (fd < 0)
        return -1;
    int rc = fsync(fd);
    close(fd);
    return rc;
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

/* A new file beside it, synced, then renamed over it: after a crash the old file or the new one. */
static int replace_file(
    const char *path, const char *data, size_t length, bool exclusive, struct error *error)
{
    char *temporary;
    if (asprintf(&temporary, "%s.new", path) < 0)
        abort();
    unlink(temporary); /* left by a crash, perhaps with other permissions */
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && write_whole(fd, data, length) == 0 && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (good) {
        /* link fails where rename would replace: a first file never overwrites another's. */
        good = exclusive ? link(temporary, path) == 0 : rename(temporary, path) == 0;
        good = good && sync_directory_of(path) == 0;
        why = errno;
    }
    if (exclusive || !good)
        unlink(temporary);
    free(temporary);
    if (!good)
        return error_set(error, ERROR_UNAVAILABLE, "keys_not_written", NULL,
            "cannot write the key file %s: %s", path, strerror(why));
    return 0;
}

/* Writes the keys of `local` and, when given, `added` after them. */
static int save(
    struct keyring_file *file, const struct master_key *added, bool exclusive, struct error *error)
{
    struct buffer text = BUFFER_INIT;
    /* Room for everything at once: growing would leave copies of keys behind. */
    buffer_reserve(&text, 256 + (file->local.count + 1) * 160);
    buffer_append_text(&text, TITLE "\nmac ");
    append_hex(&text, file->local.mac_root, sizeof(file->local.mac_root));
    buffer_append_char(&text, '\n');
    for (size_t i = 0; i < file->local.count; i++)
        append_master(&text, &file->local.masters[i]);
    if (added)
        append_master(&text, added);
    char check[SECURE_SHA256_HEX_SIZE];
    secure_sha256_hex(text.data, text.length, check);
    buffer_printf(&text, "check %s\n", check);
    int rc = replace_file(file->path, text.data, text.length, exclusive, error);
    wipe(&text);
    return rc;
}

static int damaged(const char *path, const char *what, struct error *error)
{
    return error_set(error, ERROR_INVALID, "keys_damaged", NULL,
        "the key file %s is damaged (%s): restore it from a backup", path, what);
}

static int parse_hex(const char **cursor, unsigned char *bytes, size_t length)
{
    size_t written;
    const char *end;
    if (sodium_hex2bin(bytes, length, *cursor, length * 2, NULL, &written, &end) != 0 ||
        written != length)
        return -1;
    *cursor = end;
    return 0;
}

static int parse_master(const char *line, struct master_key *master)
{
    const char *cursor = line;
    char created[CLOCK_TEXT_SIZE];
    if (parse_hex(&cursor, master->id, sizeof(master->id)) != 0 || *cursor++ != ' ' ||
        strlen(cursor) < CLOCK_TEXT_SIZE)
        return -1;
    memcpy(created, cursor, CLOCK_TEXT_SIZE - 1);
    created[CLOCK_TEXT_SIZE - 1] = '\0';
    cursor += CLOCK_TEXT_SIZE - 1;
    if (clock_parse(created, &master->created_ms) != 0 || *cursor++ != ' ')
        return -1;
    return parse_hex(&cursor, master->bytes, sizeof(master->bytes)) == 0 && !*cursor ? 0 : -1;
}

/* `text` is cut up in place; its check has been verified. */
static int parse_lines(struct keyring_file *file, char *text, struct error *error)
{
    bool has_mac = false;
    char *rest = text;
    char *line = strsep(&rest, "\n");
    if (strcmp(line, TITLE) != 0)
        return damaged(file->path, "its first line is not \"" TITLE "\"", error);
    while ((line = strsep(&rest, "\n")) && *line) {
        const char *cursor = line + 4;
        struct master_key master;
        if (strncmp(line, "mac ", 4) == 0 && !has_mac &&
            parse_hex(&cursor, file->local.mac_root, sizeof(file->local.mac_root)) == 0 && !*cursor)
            has_mac = true;
        else if (strncmp(line, "key ", 4) == 0 && parse_master(cursor, &master) == 0 &&
                 file->local.count < MASTER_MAX)
            keyring_local_add(&file->local, &master);
        else
            return damaged(file->path, "a line is not understood", error);
        sodium_memzero(&master, sizeof(master));
    }
    if (!has_mac || file->local.count == 0)
        return damaged(file->path, "keys are missing", error);
    return 0;
}

static int parse(struct keyring_file *file, char *text, size_t length, struct error *error)
{
    static const size_t check_length = sizeof("check ") - 1 + 64 + 1;
    if (length <= check_length || strlen(text) != length || text[length - 1] != '\n')
        return damaged(file->path, "it is cut short", error);
    char *check = text + length - check_length;
    if (strncmp(check, "check ", 6) != 0 || check[-1] != '\n')
        return damaged(file->path, "its last line is no check", error);
    char expected[SECURE_SHA256_HEX_SIZE];
    secure_sha256_hex(text, (size_t)(check - text), expected);
    text[length - 1] = '\0';
    if (!secure_equal(check + 6, expected))
        return damaged(file->path, "its check does not match", error);
    *check = '\0';
    return parse_lines(file, text, error);
}

static int read_fd(struct keyring_file *file, int fd, struct buffer *text, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return error_set(error, ERROR_UNAVAILABLE, "keys_not_readable", NULL,
            "cannot read the key file %s: %s", file->path, strerror(errno));
    if (!S_ISREG(status.st_mode) || status.st_size > (off_t)FILE_MAX)
        return damaged(file->path, "it is no key file", error);
    if (status.st_mode & 077)
        return error_set(error, ERROR_UNAUTHORIZED, "keys_too_open", NULL,
            "others may read the key file %s (mode %03o): run chmod 600 on it", file->path,
            status.st_mode & 0777);
    size_t size = (size_t)status.st_size;
    buffer_reserve(text, size);
    while (text->length < size) {
        ssize_t got = read(fd, text->data + text->length, size - text->length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(error, ERROR_UNAVAILABLE, "keys_not_readable", NULL,
                "cannot read the key file %s: %s", file->path, strerror(errno));
        if (got == 0)
            break;
        text->length += (size_t)got;
    }
    text->data[text->length] = '\0';
    return parse(file, text->data, text->length, error);
}

static int load(struct keyring_file *file, struct error *error)
{
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return error_set(error, ERROR_NOT_FOUND, "keys_missing", NULL,
            "there is no key file %s: restore it from a backup, the data cannot be read without it",
            file->path);
    if (fd < 0)
        return error_set(error, ERROR_UNAVAILABLE, "keys_not_readable", NULL,
            "cannot read the key file %s: %s", file->path, strerror(errno));
    struct buffer text = BUFFER_INIT;
    int rc = read_fd(file, fd, &text, error);
    wipe(&text);
    close(fd);
    return rc;
}

static int file_rotate(struct keyring *keyring, struct error *error)
{
    struct keyring_file *file = (struct keyring_file *)keyring;
    pthread_mutex_lock(&file->rotating);
    int rc = 0;
    if (file->local.count >= MASTER_MAX) {
        rc = error_set(error, ERROR_UNAVAILABLE, "keyring_full", NULL,
            "the key file %s holds %d master keys, which is the most", file->path, MASTER_MAX);
    } else {
        /* On the disk before it wraps anything. */
        struct master_key master = master_key_new();
        rc = save(file, &master, /* exclusive= */ false, error);
        if (rc == 0)
            keyring_local_add(&file->local, &master);
        sodium_memzero(&master, sizeof(master));
    }
    pthread_mutex_unlock(&file->rotating);
    return rc;
}

static void file_close(struct keyring *keyring)
{
    struct keyring_file *file = (struct keyring_file *)keyring;
    keyring_local_release(&file->local);
    pthread_mutex_destroy(&file->rotating);
    free(file->path);
    free(file);
}

static const struct keyring_ops file_ops = {
    .generate = keyring_local_generate,
    .unwrap = keyring_local_unwrap,
    .mac = keyring_local_mac,
    .rotate = file_rotate,
    .close = file_close,
};

static int make(struct keyring_file *file, struct error *error)
{
    struct master_key master = master_key_new();
    secure_random(file->local.mac_root, sizeof(file->local.mac_root));
    keyring_local_add(&file->local, &master);
    sodium_memzero(&master, sizeof(master));
    return save(file, NULL, /* exclusive= */ true, error);
}

int keyring_file_open(struct keyring **out, const char *path, bool create, struct error *error)
{
    struct keyring_file *file = calloc(1, sizeof(*file));
    if (!file || !(file->path = strdup(path)))
        abort();
    keyring_local_init(&file->local, &file_ops);
    pthread_mutex_init(&file->rotating, NULL);
    int rc = create && access(path, F_OK) != 0 && errno == ENOENT ? make(file, error)
                                                                  : load(file, error);
    if (rc != 0) {
        file_close(&file->local.base);
        return rc;
    }
    *out = &file->local.base;
    return 0;
}
