/*
 * The wiring: configuration -> engines -> services -> gateway. The only place that names a concrete
 * engine. An app owns everything below it and takes it apart in the reverse order.
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "config.h"
#include "control.h"
#include "error.h"

#include <stdbool.h>
#include <stdint.h>

struct app;

struct app_options {
    bool serve; /* with consumers, gateway and control socket; else for one command */
    bool demo;  /* an empty catalogue is filled with the demo one */
    /* One line for a person about what takes time; may be NULL. */
    void (*progress)(void *ctx, const char *text);
    void *ctx;
};

/* Opens the data directory and everything in it and starts. ERROR_CONFLICT with reason "locked"
 * when another process has the directory. On failure nothing is left running. */
int app_open(struct app **out, const struct config *config, const struct app_options *options,
    struct error *error);

uint16_t app_port(const struct app *app);

/* The password of the back office, if this start made it: once, then forgotten. Else NULL. */
const char *app_admin_email(const struct app *app);
const char *app_admin_password(const struct app *app);

/* Runs one of the commands that work beside a running store too (import, export, backup, reindex):
 * the control socket's function, and the command line's when no store runs. */
int app_command(void *app, const char *command, const json_t *options, int fd, control_emit *emit,
    void *emit_ctx, json_t **result, struct error *error);

/* Stops taking requests, lets what runs finish, closes. NULL is fine. */
void app_close(struct app *app);

#endif
