#include "outside_wire.h"

#include "buffer.h"
#include "json_view.h"
#include "text.h"

#include <math.h>
#include <string.h>

#define SCHEME "sagemaker://"
#define REGION "?region="

void outside_append_request(struct buffer *out, const struct outside_query *query)
{
    buffer_append_text(out, "{\"history\":[");
    for (size_t i = 0; i < query->history_count; i++) {
        buffer_append_text(out, i ? ",{\"wine\":" : "{\"wine\":");
        buffer_append_json(out, query->history[i].id);
        buffer_printf(out, ",\"weight\":%.6g}", (double)query->history[i].weight);
    }
    buffer_append_text(out, "],\"candidates\":[");
    for (size_t i = 0; i < query->candidate_count; i++) {
        if (i)
            buffer_append_char(out, ',');
        buffer_append_json(out, query->candidates[i]);
    }
    buffer_append_text(out, "]}");
}

int outside_read_answer(const char *text, size_t length, struct arena *arena, float *scores,
    size_t count, struct error *error)
{
    struct json_view answer;
    int rc = json_view_read(text, length, arena, &answer, error);
    if (rc < 0)
        return rc;
    struct json_view list = json_view_get(answer, "scores");
    if (json_view_kind(list) != JSON_KIND_ARRAY)
        return error_set(error, ERROR_INVALID, NULL, "scores", "there is no list of scores");
    if (json_view_count(list) != count)
        return error_set(error, ERROR_INVALID, NULL, "scores", "%zu scores for %zu candidates",
            json_view_count(list), count);
    struct json_view score = json_view_first(list);
    for (size_t i = 0; i < count; i++, score = json_view_next(score)) {
        scores[i] = (float)json_view_number(score, NAN);
        if (!isfinite(scores[i]))
            return error_set(
                error, ERROR_INVALID, NULL, "scores", "score %zu is no finite number", i + 1);
    }
    return 0;
}

/* Letters, digits and single or several hyphens inside, as both kinds of names are. */
static bool is_name(const char *text, size_t length, size_t size)
{
    if (length == 0 || length >= size || text[0] == '-' || text[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++) {
        bool letter = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z');
        if (!letter && !(text[i] >= '0' && text[i] <= '9') && text[i] != '-')
            return false;
    }
    return true;
}

int outside_read_address(struct outside_address *out, const char *text, struct error *error)
{
    const char *name = text + strlen(SCHEME), *question = strchr(text, '?');
    if (text_starts_with(text, SCHEME) && question && text_starts_with(question, REGION)) {
        const char *region = question + strlen(REGION);
        size_t name_length = (size_t)(question - name), region_length = strlen(region);
        if (is_name(name, name_length, OUTSIDE_NAME_SIZE) &&
            is_name(region, region_length, OUTSIDE_REGION_SIZE)) {
            memset(out, 0, sizeof(*out));
            memcpy(out->name, name, name_length);
            memcpy(out->region, region, region_length);
            return 0;
        }
    }
    return error_set(error, ERROR_INVALID, NULL, "recommendation.scorer",
        "recommendation.scorer = %.100s: write sagemaker://ENDPOINT-NAME?region=eu-west-1", text);
}
