/*
 * What a shopper did before the model began to listen, or while it had forgotten them: read from
 * the warehouse the first time they ask, on a thread of its own. Who asks does not wait for it: the
 * next answer knows.
 */
#ifndef RECOMMENDATION_RECALL_H
#define RECOMMENDATION_RECALL_H

struct model;
struct recall;
struct warehouse;

/* Both outlive it. */
struct recall *recall_new(struct model *model, struct warehouse *warehouse);

/* Finishes the one that is being read. NULL is fine. */
void recall_free(struct recall *recall);

/* Any thread, never waits. Asked for already, too many are, or the warehouse was away a moment
 * ago: nothing happens, and asking again later is right. */
void recall_want(struct recall *recall, const char *shopper);

#endif
