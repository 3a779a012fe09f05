#include "activity.h"

#include "arena.h"
#include "buffer.h"
#include "clock.h"
#include "id.h"
#include "text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define LONG_RUN 7    /* digits in a row that no search for a wine has */
#define LONG_NUMBER 9 /* digits in groups: telephones and cards are written so */

static const char *const types[] = {
    "activity.viewed", "activity.impression", "activity.clicked", "activity.searched"};

/* ---- scrubbing ---- */

static bool looks_like_email(const char *query)
{
    const char *at = strchr(query, '@');
    return at && at > query && !isspace((unsigned char)at[-1]) && at[1] &&
           !isspace((unsigned char)at[1]);
}

static bool is_year(const char *digits, size_t length)
{
    return length == 4 && (strncmp(digits, "19", 2) == 0 || strncmp(digits, "20", 2) == 0);
}

/* One number written in groups: "+1 (415) 555-0132". Several vintages are not. */
static bool looks_like_number(const char *query)
{
    size_t together = 0;
    for (const char *c = query; *c;) {
        if (isdigit((unsigned char)*c)) {
            size_t run = strspn(c, "0123456789");
            if (run >= LONG_RUN)
                return true;
            together = is_year(c, run) ? together : together + run;
            if (together >= LONG_NUMBER)
                return true;
            c += run;
        } else {
            if (!strchr(" -.()/+", *c))
                together = 0;
            c++;
        }
    }
    return false;
}

const char *activity_scrub(struct arena *arena, const char *query)
{
    char *trimmed = text_trim(arena, query);
    /* JSON may hold line breaks and tabs; no reader of the stream takes them in a text. */
    for (char *c = trimmed; *c; c++)
        *c = iscntrl((unsigned char)*c) ? ' ' : *c;
    return looks_like_email(trimmed) || looks_like_number(trimmed) ? "***" : trimmed;
}

/* ---- reading ---- */

static const char *known_type(const char *text)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (strcmp(types[i], text) == 0)
            return types[i];
    }
    return NULL;
}

static int read_wine(
    const json_t *item, struct arena *arena, struct activity *activity, struct error *error)
{
    const char *wine_id;
    int rc = json_get_text(item, "wine_id", 1, 64, &wine_id, error);
    if (rc < 0)
        return rc;
    if (!id_valid(wine_id))
        return error_set(error, ERROR_INVALID, NULL, "wine_id", "must be the id of a wine");
    activity->wine_id = arena_strdup(arena, wine_id);
    return 0;
}

static int read_at(
    const json_t *item, int64_t now_ms, struct activity *activity, struct error *error)
{
    const char *text = NULL;
    int64_t at_ms;
    int rc = json_find_text(item, "at", 1, 64, &text, error);
    if (rc < 0 || !text)
        return rc;
    if (clock_parse(text, &at_ms) < 0)
        return error_set(error, ERROR_INVALID, NULL, "at", "must be a time (RFC 3339)");
    if (at_ms <= now_ms && at_ms > now_ms - DAY_MS)
        activity->at_ms = at_ms;
    return 0;
}

/* Of an experiment both are told, or nothing is. */
static int read_experiment(
    const json_t *item, struct arena *arena, struct activity *activity, struct error *error)
{
    const char *experiment = NULL, *arm = NULL;
    int rc = json_find_text(item, "experiment", 1, 64, &experiment, error);
    if (rc == 0)
        rc = json_find_text(item, "arm", 1, 8, &arm, error);
    if (rc < 0 || (!experiment && !arm))
        return rc;
    if (!experiment || !id_valid(experiment))
        return error_set(
            error, ERROR_INVALID, NULL, "experiment", "must be the id of an experiment");
    if (!arm || (strcmp(arm, "a") != 0 && strcmp(arm, "b") != 0))
        return error_set(error, ERROR_INVALID, NULL, "arm", "must be a or b");
    activity->experiment = arena_strdup(arena, experiment);
    activity->arm = *arm == 'a' ? "a" : "b";
    return 0;
}

/* What of a list a wine was shown in, seen or chosen. */
static int read_shown(
    const json_t *item, struct arena *arena, struct activity *activity, struct error *error)
{
    const char *query = NULL;
    int rc = read_wine(item, arena, activity, error);
    if (rc == 0)
        rc = json_find_text(item, "query", 0, ACTIVITY_MAX_QUERY, &query, error);
    if (rc == 0)
        rc = json_find_int(item, "position", 1, ACTIVITY_MAX_POSITION, &activity->position, error);
    if (rc == 0)
        rc = read_experiment(item, arena, activity, error);
    activity->query = query ? activity_scrub(arena, query) : NULL;
    return rc;
}

static int read_search(
    const json_t *item, struct arena *arena, struct activity *activity, struct error *error)
{
    const char *query;
    int rc = json_get_text(item, "query", 0, ACTIVITY_MAX_QUERY, &query, error);
    if (rc == 0)
        rc = json_find_int(item, "results", 0, INT32_MAX, &activity->results, error);
    if (rc == 0)
        activity->query = activity_scrub(arena, query);
    return rc;
}

static int read_one(const json_t *item, int64_t now_ms, struct arena *arena,
    struct activity *activity, struct error *error)
{
    const char *type, *list = NULL;
    if (!json_is_object(item))
        return error_set(error, ERROR_INVALID, NULL, "", "must be an object");
    *activity = (struct activity){.results = -1, .at_ms = now_ms};
    int rc = json_get_text(item, "type", 1, 64, &type, error);
    if (rc < 0)
        return rc;
    activity->type = known_type(type);
    if (!activity->type)
        return error_set(error, ERROR_INVALID, NULL, "type",
            "must be activity.viewed, activity.impression, activity.clicked or activity.searched");
    bool search = strcmp(activity->type, "activity.searched") == 0;
    rc = search ? read_search(item, arena, activity, error)
                : read_shown(item, arena, activity, error);
    if (rc == 0)
        rc = json_find_text(item, "list", 0, ACTIVITY_MAX_LIST, &list, error);
    if (rc == 0)
        rc = read_at(item, now_ms, activity, error);
    activity->list = list ? activity_scrub(arena, list) : NULL;
    return rc;
}

static int name_field(struct error *error, size_t index)
{
    char field[sizeof(error->field)];
    snprintf(
        field, sizeof(field), "events[%zu]%s%.40s", index, *error->field ? "." : "", error->field);
    memcpy(error->field, field, sizeof(field));
    return error->code;
}

int activity_read(const json_t *body, int64_t now_ms, struct arena *arena,
    struct activity **activities, struct error *error)
{
    const json_t *events = json_object_get(body, "events");
    size_t count = json_array_size(events);
    if (!json_is_array(events) || count < 1 || count > ACTIVITY_MAX)
        return error_set(
            error, ERROR_INVALID, NULL, "events", "must be a list of 1 to %d events", ACTIVITY_MAX);
    struct activity *read = arena_new_array(arena, count, struct activity);
    for (size_t i = 0; i < count; i++) {
        if (read_one(json_array_get(events, i), now_ms, arena, &read[i], error) < 0)
            return name_field(error, i);
    }
    *activities = read;
    return (int)count;
}

/* ---- writing ---- */

static void append_member(struct buffer *buffer, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    buffer_append_text(buffer, buffer->data[buffer->length - 1] == '{' ? "\"" : ",\"");
    buffer_append_text(buffer, name);
    buffer_append_text(buffer, "\":");
    buffer_append_json(buffer, value);
}

static void append_number(struct buffer *buffer, const char *name, int64_t value)
{
    if (buffer->data[buffer->length - 1] != '{')
        buffer_append_char(buffer, ',');
    buffer_printf(buffer, "\"%s\":%lld", name, (long long)value);
}

void activity_append_data(
    struct buffer *buffer, const struct activity *activity, const char *user, const char *guest)
{
    buffer_append_char(buffer, '{');
    append_member(buffer, "user_id", user);
    if (!*user)
        append_member(buffer, "guest_id", guest);
    append_member(buffer, "wine_id", activity->wine_id);
    append_member(buffer, "query", activity->query);
    append_member(buffer, "list", activity->list);
    append_member(buffer, "experiment", activity->experiment);
    append_member(buffer, "arm", activity->arm);
    if (activity->position > 0)
        append_number(buffer, "position", activity->position);
    if (activity->results >= 0)
        append_number(buffer, "results", activity->results);
    buffer_append_char(buffer, '}');
}
