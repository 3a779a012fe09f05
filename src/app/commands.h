/* What the files of the commands share; not for others. */
#ifndef APP_COMMANDS_H
#define APP_COMMANDS_H

#include "control.h"
#include "internal.h"

#include <stdio.h>

struct emitter {
    control_emit *emit;
    void *ctx;
};

/* Sends {kind: value}; takes the reference. */
void emit_line(const struct emitter *emitter, const char *kind, json_t *value);

/* A stream over a copy of the descriptor, so that closing it leaves the caller's alone. */
FILE *open_stream(int fd, const char *mode, struct error *error);

typedef int command_fn(struct app *app, const json_t *options, int fd, struct emitter *emitter,
    json_t **result, struct error *error);

command_fn command_train, command_recommend, command_evaluate, command_models,
    command_import_ratings;

#endif
