/*
 * The control socket: how other commands talk to a running store. DATA/control.sock, mode 0600. A
 * client sends one line of JSON {"command": ..., options} and, where the command reads or writes a
 * file, that file's descriptor with it (so the store needs no rights on the file); the store
 * answers lines of JSON, the last of which is {"done": {...}} or {"error": {...}}.
 */
#ifndef APP_CONTROL_H
#define APP_CONTROL_H

#include "error.h"

#include <jansson.h>
#include <stdbool.h>

struct control;

/* Receives one answer line; takes no reference. */
typedef void control_emit(void *ctx, const json_t *line);

/* Runs a command on a thread that may block. `fd` is -1 when none came; it stays the caller's. The
 * result, or the error, is sent by the caller. */
typedef int control_run(void *ctx, const char *command, const json_t *options, int fd,
    control_emit *emit, void *emit_ctx, json_t **result, struct error *error);

int control_start(
    struct control **out, const char *data_path, control_run *run, void *ctx, struct error *error);

/* Takes no new commands and waits for those that run. */
void control_stop(struct control *control);

/* The reason of an error that says that no store runs there; others are the command's. */
#define CONTROL_NO_STORE "no_store"

/* The client's side. ERROR_NOT_FOUND with that reason when no store runs there. `emit` gets every
 * line but the last; the last becomes `*result` or `error`. */
int control_call(const char *data_path, const char *command, const json_t *options, int fd,
    control_emit *emit, void *emit_ctx, json_t **result, struct error *error);

#endif
