/*
 * The newest records of a stream in memory, per shard: the memory engine's whole store, and what
 * the SQLite engine serves readers from who keep up. Any thread.
 */
#ifndef PLATFORM_STREAM_STREAM_TAIL_H
#define PLATFORM_STREAM_STREAM_TAIL_H

#include "stream.h"

struct stream_tail;

/* One record, owned by whoever holds the list; see tail_entry_new. */
struct tail_entry {
    struct tail_entry *next;
    int shard;
    struct stream_record record; /* its texts lie behind */
};

/* Keeps at most `max_bytes` of texts (and `max_records`). Everything after `first` is going to be
 * added. */
struct stream_tail *tail_new(int shards, int64_t max_bytes, int64_t max_records, int64_t first);
void tail_free(struct stream_tail *tail);

struct tail_entry *tail_entry_new(const struct stream_record *record, int shard);
void tail_entries_free(struct tail_entry *list);

/* Takes over the list, whose sequences grow and lie above all before. */
void tail_add(struct stream_tail *tail, struct tail_entry *list);

/* As stream_read, if everything after `after` is here; else -1: look in the file. */
int tail_read(struct stream_tail *tail, int shard, int64_t after, int max, struct arena *arena,
    struct stream_record **records);

/* A look in the file found nothing in the shard between `after` and what is here. `floor` is what
 * tail_floor said before the look. */
void tail_nothing_between(struct stream_tail *tail, int shard, int64_t after, int64_t floor);

/* The sequence above which everything of the shard is here. */
int64_t tail_floor(struct stream_tail *tail, int shard);

/* The highest sequence added. */
int64_t tail_last(struct stream_tail *tail);

/* Drops what was put before `at_ms`, but for the last record. */
void tail_trim(struct stream_tail *tail, int64_t at_ms);

#endif
