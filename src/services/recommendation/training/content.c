#include "content.h"

#include "numeric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rare features say more: a shared Assyrtiko is a better reason than a shared "Red". */
static void weigh(struct content *content)
{
    for (size_t wine = 0; wine < content->wines; wine++) {
        struct feature *first = content->features + content->first[wine];
        struct feature *end = content->features + content->first[wine + 1];
        double length = 0;
        for (struct feature *f = first; f < end; f++) {
            uint32_t frequency =
                content->posting_first[f->number + 1] - content->posting_first[f->number];
            double rarity = log2(2.0 + (double)content->wines / (1.0 + frequency));
            f->weight *= (float)sqrt(rarity);
            length += (double)f->weight * (double)f->weight;
        }
        for (struct feature *f = first; f < end; f++)
            f->weight /= (float)sqrt(length);
    }
}

static void index_postings(struct content *content)
{
    content->posting_first = numeric_new(content->numbers + 1, sizeof(*content->posting_first));
    content->postings = numeric_new(content->first[content->wines], sizeof(*content->postings));
    for (uint32_t i = 0; i < content->first[content->wines]; i++)
        content->posting_first[content->features[i].number + 1]++;
    for (size_t i = 0; i < content->numbers; i++)
        content->posting_first[i + 1] += content->posting_first[i];
    uint32_t *next = numeric_new(content->numbers, sizeof(*next));
    memcpy(next, content->posting_first, content->numbers * sizeof(*next));
    for (size_t wine = 0; wine < content->wines; wine++) {
        for (uint32_t i = content->first[wine]; i < content->first[wine + 1]; i++)
            content->postings[next[content->features[i].number]++] = (uint32_t)wine;
    }
    free(next);
}

struct content *content_new(
    size_t wines, size_t numbers, const struct feature *const *features, const size_t *counts)
{
    struct content *content = numeric_new(1, sizeof(*content));
    content->wines = wines;
    content->numbers = numbers;
    content->first = numeric_new(wines + 1, sizeof(*content->first));
    for (size_t i = 0; i < wines; i++)
        content->first[i + 1] = content->first[i] + (uint32_t)counts[i];
    content->features = numeric_new(content->first[wines], sizeof(*content->features));
    for (size_t i = 0; i < wines; i++) {
        if (counts[i])
            memcpy(
                content->features + content->first[i], features[i], counts[i] * sizeof(**features));
    }
    index_postings(content);
    weigh(content);
    return content;
}

void content_free(struct content *content)
{
    if (!content)
        return;
    free(content->first);
    free(content->features);
    free(content->posting_first);
    free(content->postings);
    free(content);
}

float content_cosine(const struct content *content, uint32_t a, uint32_t b)
{
    const struct feature *x = content->features + content->first[a];
    const struct feature *x_end = content->features + content->first[a + 1];
    const struct feature *y = content->features + content->first[b];
    const struct feature *y_end = content->features + content->first[b + 1];
    float sum = 0;
    while (x < x_end && y < y_end) {
        if (x->number == y->number)
            sum += x++->weight * y++->weight;
        else if (x->number < y->number)
            x++;
        else
            y++;
    }
    return sum;
}

/* The weight of a feature that the wine has. */
static float weight_of(const struct content *content, uint32_t wine, uint32_t number)
{
    const struct feature *f = content->features + content->first[wine];
    while (f->number != number)
        f++;
    return f->weight;
}

void content_add_gram(const struct content *content, float factor, float *matrix)
{
    size_t most = 0;
    for (size_t number = 0; number < content->numbers; number++) {
        size_t length = content->posting_first[number + 1] - content->posting_first[number];
        most = length > most ? length : most;
    }
    float *weights = numeric_new(most, sizeof(*weights));
    for (uint32_t number = 0; number < content->numbers; number++) {
        const uint32_t *posting = content->postings + content->posting_first[number];
        size_t length = content->posting_first[number + 1] - content->posting_first[number];
        for (size_t i = 0; i < length; i++)
            weights[i] = weight_of(content, posting[i], number);
        for (size_t i = 0; i < length; i++) {
            float *row = matrix + (size_t)posting[i] * content->wines;
            for (size_t j = 0; j < length; j++)
                row[posting[j]] += factor * weights[i] * weights[j];
        }
    }
    free(weights);
}

/* ---- neighbours ---- */

#define MOST_CANDIDATES 1500
#define MOST_FEATURES 256

struct content_workspace {
    uint32_t *seen; /* the search that saw the wine last */
    uint32_t search;
    struct scored found[MOST_CANDIDATES];
};

struct content_workspace *content_workspace_new(const struct content *content)
{
    struct content_workspace *space = numeric_new(1, sizeof(*space));
    space->seen = numeric_new(content->wines, sizeof(*space->seen));
    return space;
}

void content_workspace_free(struct content_workspace *space)
{
    free(space->seen);
    free(space);
}

static size_t frequency(const struct content *content, uint32_t number)
{
    return content->posting_first[number + 1] - content->posting_first[number];
}

/* The place of the rarest feature not used yet, or `count`. */
static size_t rarest_of(
    const struct content *content, const struct feature *features, size_t count, const bool *used)
{
    size_t rarest = count;
    for (size_t i = 0; i < count; i++) {
        if (!used[i] && (rarest == count || frequency(content, features[i].number) <
                                                frequency(content, features[rarest].number)))
            rarest = i;
    }
    return rarest;
}

size_t content_nearest(const struct content *content, struct content_workspace *space,
    uint32_t wine, const bool *admitted, struct scored *list, size_t max)
{
    const struct feature *features = content->features + content->first[wine];
    size_t feature_count = content->first[wine + 1] - content->first[wine], count = 0;
    bool used[MOST_FEATURES] = {0};
    if (feature_count > MOST_FEATURES)
        feature_count = MOST_FEATURES;
    space->search++;
    for (size_t round = 0; round < feature_count && count < MOST_CANDIDATES; round++) {
        size_t rarest = rarest_of(content, features, feature_count, used);
        used[rarest] = true;
        const uint32_t *posting =
            content->postings + content->posting_first[features[rarest].number];
        size_t length = frequency(content, features[rarest].number);
        for (size_t i = 0; i < length && count < MOST_CANDIDATES; i++) {
            uint32_t other = posting[i];
            if (space->seen[other] == space->search || other == wine || !admitted[other])
                continue;
            space->seen[other] = space->search;
            space->found[count++] =
                (struct scored){.wine = other, .score = content_cosine(content, wine, other)};
        }
    }
    count = scored_select(space->found, count, max);
    memcpy(list, space->found, count * sizeof(*list));
    return count;
}
