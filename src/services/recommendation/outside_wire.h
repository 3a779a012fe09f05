/* What is said to a scorer outside and what it answers, as JSON. Pure. */
#ifndef RECOMMENDATION_OUTSIDE_WIRE_H
#define RECOMMENDATION_OUTSIDE_WIRE_H

#include "outside.h"

struct arena;
struct buffer;

/* {"history":[{"wine":ID,"weight":NUMBER}, ...],"candidates":[ID, ...]} */
void outside_append_request(struct buffer *out, const struct outside_query *query);

/* {"scores":[NUMBER, ...]}, one for each of `count` candidates, finite: into `scores`.
 * ERROR_INVALID with what is wrong for anything else; then `scores` holds nothing of use. */
int outside_read_answer(const char *text, size_t length, struct arena *arena, float *scores,
    size_t count, struct error *error);

/* What a setting sagemaker://NAME?region=REGION says. */
#define OUTSIDE_NAME_SIZE 64
#define OUTSIDE_REGION_SIZE 32
struct outside_address {
    char name[OUTSIDE_NAME_SIZE], region[OUTSIDE_REGION_SIZE];
};
int outside_read_address(struct outside_address *out, const char *text, struct error *error);

#endif
