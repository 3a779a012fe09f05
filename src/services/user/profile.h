/*
 * What an account or a guest keeps of a person, in the clear, and the rules it obeys. In the store
 * it is sealed, each field under the owner's data key with a context that names kind, field and
 * owner, so that a value copied elsewhere does not open.
 */
#ifndef SERVICES_USER_PROFILE_H
#define SERVICES_USER_PROFILE_H

#include "error.h"
#include "json.h"
#include "store.h"

#include <stdbool.h>

struct arena;
struct buffer;

#define USER_MIN_AGE 18
#define EMAIL_MAX 254
#define PASSWORD_MIN 8
#define PASSWORD_MAX 128

struct profile {
    const char *name, *email;
    const char *birth_date; /* NULL for the first admin */
};

enum owner_kind { OWNER_USER, OWNER_GUEST };

/* ---- rules: ERROR_INVALID names the field ---- */

/* One line of text: trimmed, not empty, without control characters. The result is in the arena. */
int profile_get_line(struct arena *arena, const json_t *body, const char *field, size_t max,
    const char **value, struct error *error);
/* Optional: absent, null and empty give NULL. */
int profile_find_line(struct arena *arena, const json_t *body, const char *field, size_t max,
    const char **value, struct error *error);

/* An address that mail can be sent to, trimmed. */
int profile_get_email(
    struct arena *arena, const json_t *body, const char **value, struct error *error);

/* A date of birth from 1900 on, of somebody old enough for an account at `now_ms`. */
int profile_get_birth_date(struct arena *arena, const json_t *body, int64_t now_ms,
    const char **value, struct error *error);

/* Any characters but NUL, `min` to 128 of them; a copy in the arena that may be overwritten. */
int profile_get_password(
    struct arena *arena, const json_t *body, size_t min, char **value, struct error *error);

/* The keyed hash an account is found by: the address in lower case. */
int profile_email_mac(
    struct keyring *keyring, const char *email, char mac[KEYRING_MAC_SIZE], struct error *error);

/* ---- sealing ---- */

/* The keyring's context of an owner's data key: "user:<id>", "guest:<id>". */
const char *owner_context(struct arena *arena, enum owner_kind kind, const char *id);

/* A field's context: "user.name:<id>". */
const char *field_context(
    struct arena *arena, enum owner_kind kind, const char *field, const char *id);

int owner_unwrap(struct keyring *keyring, struct arena *arena, enum owner_kind kind, const char *id,
    const char *wrapped, struct data_key *key, struct error *error);

/* Opens what a row keeps. Errors are ERROR_INTERNAL: the store is damaged. */
int profile_open_user(struct keyring *keyring, struct arena *arena, const struct user_row *row,
    struct profile *profile, struct error *error);
int profile_open_guest(struct keyring *keyring, struct arena *arena, const struct guest_row *row,
    struct profile *profile, struct error *error);

/* Seals into the row, whose id is set; makes the data key if the row has none, and sets email_mac.
 */
int profile_seal_user(struct keyring *keyring, struct arena *arena, const struct profile *profile,
    struct user_row *row, struct error *error);
int profile_seal_guest(struct keyring *keyring, struct arena *arena, const struct profile *profile,
    struct guest_row *row, struct error *error);

/* ---- JSON ---- */

const char *user_role_name(const struct user_row *row);

/* The public user. */
void profile_append_user(
    struct buffer *buffer, const struct user_row *row, const struct profile *profile);

/* The first word of the name, in the arena. */
const char *profile_first_name(struct arena *arena, const char *name);

#endif
