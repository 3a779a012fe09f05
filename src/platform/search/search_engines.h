/* The engines of the search port. Only the wiring and the tests name them. */
#ifndef PLATFORM_SEARCH_ENGINES_H
#define PLATFORM_SEARCH_ENGINES_H

#include "search.h"

/* Everything in memory: tests, and shops that would rather feed 100,000 wines at start. */
int search_memory_open(struct search **out, struct error *error);

/* Groonga's index in `directory`, which is made if it is missing and belongs to this process
 * alone. Give it to no other use: what is in it is deleted when it cannot be trusted. */
int search_groonga_open(const char *directory, struct search **out, struct error *error);

#endif
