/* From records of the stream to what warehouse and model are told. */
#include "internal.h"

#include "aggregates.h"
#include "arena.h"
#include "clock.h"
#include "log.h"
#include "recent.h"

#include <stdio.h>
#include <string.h>

#define LETTER_BYTES 4096
#define AHEAD 500 /* events of a shard at once, for the model alone */
#define STUMBLE_MS 1000

/* ---- one event ---- */

/* What came, as text that any engine can keep. */
static const char *letter_body(struct arena *arena, const struct stream_record *record)
{
    size_t length = record->length < LETTER_BYTES ? record->length : LETTER_BYTES;
    char *body = arena_strndup(arena, record->data, length);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)body[i];
        if (byte < 0x20 || byte >= 0x7f)
            body[i] = '?';
    }
    return body;
}

static void bury(struct batch *batch, int shard, const struct stream_record *record,
    const struct decoded *event, const struct error *error)
{
    char reason[sizeof(error->message) + sizeof(error->field) + 4];
    snprintf(
        reason, sizeof(reason), "%s%s%s", error->field, *error->field ? ": " : "", error->message);
    batch->letters[batch->load.letter_count++] = (struct warehouse_dead_letter){
        .event_id = event->id,
        .reason = arena_strdup(batch->arena, reason),
        .body = letter_body(batch->arena, record),
        .at_ms = record->at_ms,
        .sequence = record->sequence,
        .shard = shard,
    };
    log_write(LOG_WARN, COMPONENT, NULL, "an event became a dead letter (shard %d, %lld): %s",
        shard, (long long)record->sequence, reason);
}

static bool is_late(struct aggregates *aggregates, const struct decoded *event)
{
    return event->sequence > 0 && *event->subject &&
           !aggregates_advance(aggregates, event->type, event->subject, event->sequence);
}

static bool teach(struct reader *reader, int shard, const struct stream_record *record,
    const struct decoded *event)
{
    if (event->has_fact && event->fact.kind == WAREHOUSE_FORGET && !erasures_put(reader, event))
        return false;
    return !event->teaches || lesson_add(reader, shard, record);
}

static bool take(
    struct reader *reader, struct batch *batch, int shard, const struct stream_record *record)
{
    struct decoded event;
    struct error error = {0};
    int rc = event_decode(record->data, record->length, batch->arena, &event, &error);
    bool again = *event.id && !recent_add(reader->recent, event.id);
    bool late = rc == 0 && !again && is_late(reader->aggregates, &event);
    bool untaught = record->sequence > reader->places[shard].taught;
    batch->events++;
    if (*event.id && !again)
        batch->event_ids[batch->load.event_count++] = event.id;
    if (again || late) {
        batch->duplicates++;
        return true;
    }
    if (rc < 0) {
        bury(batch, shard, record, &event, &error);
        return true;
    }
    if (!event.known)
        batch->skipped++;
    if (event.has_fact) {
        /* A clock that runs ahead would put facts into days that no report asks for. */
        if (event.fact.at_ms > record->at_ms)
            event.fact.at_ms = record->at_ms;
        batch->facts[batch->load.fact_count++] = event.fact;
    }
    if (!untaught)
        return true;
    if (reader->ahead)
        is_late(reader->ahead, &event);
    return teach(reader, shard, record, &event);
}

/* ---- a batch for both ---- */

static void set_checkpoint(struct batch *batch, int shard, int64_t sequence)
{
    size_t i = 0;
    while (i < batch->load.checkpoint_count && batch->checkpoints[i].shard != shard)
        i++;
    if (i == batch->load.checkpoint_count)
        batch->load.checkpoint_count++;
    batch->checkpoints[i] = (struct warehouse_checkpoint){.shard = shard, .sequence = sequence};
}

static int read_records(struct reader *reader, int shard, int64_t after, int max,
    struct arena *arena, struct stream_record **records)
{
    struct error error = {0};
    int got = stream_read(reader->group->options.stream, shard, after, max, arena, records, &error);
    if (got < 0) {
        log_write(LOG_ERROR, COMPONENT, NULL, "cannot read shard %d: %s", shard, error.message);
        reader_pause(reader, STUMBLE_MS);
        reader->misread = true;
        return 0;
    }
    return got;
}

static void note_taught(struct reader *reader, int shard, int64_t sequence)
{
    struct place *place = &reader->places[shard];
    if (sequence <= place->taught)
        return;
    place->taught = sequence;
    atomic_store_explicit(&reader->group->taught_to[shard], sequence, memory_order_relaxed);
}

/* Negative when stopped. */
static int read_shard(struct reader *reader, struct batch *batch, int shard, int max)
{
    struct place *place = &reader->places[shard];
    struct stream_record *records;
    int got = read_records(reader, shard, place->loaded, max, batch->arena, &records);
    if (got <= 0)
        return got;
    if (!batch->first_at_ms || records[0].at_ms < batch->first_at_ms)
        batch->first_at_ms = records[0].at_ms;
    if (records[got - 1].at_ms > batch->last_at_ms)
        batch->last_at_ms = records[got - 1].at_ms;
    atomic_store_explicit(&reader->untaught_since_ms, batch->first_at_ms, memory_order_relaxed);
    for (int i = 0; i < got; i++) {
        if (!take(reader, batch, shard, &records[i]))
            return -1;
    }
    if (!lesson_send(reader))
        return -1;
    place->loaded = records[got - 1].sequence;
    note_taught(reader, shard, place->loaded);
    set_checkpoint(batch, shard, place->loaded);
    return got;
}

static void clear_batch(struct batch *batch, const struct reader *reader)
{
    arena_clear(batch->arena);
    batch->events = batch->duplicates = batch->skipped = 0;
    batch->first_at_ms = batch->last_at_ms = 0;
    batch->pause_ms = FIRST_PAUSE_MS;
    batch->load = (struct warehouse_batch){.facts = batch->facts,
        .event_ids = batch->event_ids,
        .letters = batch->letters,
        .checkpoints = batch->checkpoints,
        .owner = reader->owner};
}

/* First an equal part of each shard; then what room is left for those that have more, so that one
 * busy key does not leave batches half empty. */
int batch_read(struct reader *reader, struct batch *batch, bool *more)
{
    int shards = reader->group->shards, held = 0, left = READER_BATCH;
    bool dry[WAREHOUSE_MAX_SHARDS] = {false};
    for (int i = 0; i < shards; i++)
        held += reader->mine[i];
    clear_batch(batch, reader);
    int first = reader->next_shard++ % shards;
    *more = false;
    for (int step = 0; held > 0 && step < 2 * shards && left > 0; step++) {
        int shard = (first + step) % shards;
        int each = step < shards ? READER_BATCH / held : left;
        int max = each < left ? each : left;
        if (!reader->mine[shard] || dry[shard])
            continue;
        int got = read_shard(reader, batch, shard, max);
        if (got < 0)
            return -1;
        dry[shard] = got < max;
        left -= got;
    }
    for (int i = 0; i < shards; i++)
        *more = *more || (reader->mine[i] && !dry[i]);
    atomic_store_explicit(
        &reader->untaught_since_ms, *more ? batch->last_at_ms : 0, memory_order_relaxed);
    return READER_BATCH - left;
}

/* ---- for the model alone ---- */

static int teach_shard(struct reader *reader, int shard)
{
    struct place *place = &reader->places[shard];
    struct stream_record *records;
    arena_clear(reader->ahead_arena);
    int got = read_records(reader, shard, place->taught, AHEAD, reader->ahead_arena, &records);
    if (got <= 0)
        return 0;
    atomic_store_explicit(&reader->untaught_since_ms, records[0].at_ms, memory_order_relaxed);
    if (!value(&reader->unloaded_since_ms))
        atomic_store_explicit(&reader->unloaded_since_ms, records[0].at_ms, memory_order_relaxed);
    for (int i = 0; i < got; i++) {
        struct decoded event;
        if (event_decode(records[i].data, records[i].length, reader->ahead_arena, &event, NULL) ==
                0 &&
            !is_late(reader->ahead, &event) && !teach(reader, shard, &records[i], &event))
            return 0;
    }
    if (!lesson_send(reader))
        return 0;
    note_taught(reader, shard, records[got - 1].sequence);
    return got;
}

int batch_teach_ahead(struct reader *reader)
{
    int total = 0;
    if (!reader->ahead)
        reader->ahead = aggregates_copy(reader->aggregates);
    for (int shard = 0; shard < reader->group->shards; shard++) {
        if (reader->mine[shard] && !is_stopping(reader->group))
            total += teach_shard(reader, shard);
    }
    if (!total)
        atomic_store_explicit(&reader->untaught_since_ms, 0, memory_order_relaxed);
    return total;
}
