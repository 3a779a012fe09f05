#include "profile.h"

#include "arena.h"
#include "buffer.h"
#include "clock.h"
#include "mail.h"
#include "sealed.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {[OWNER_USER] = "user", [OWNER_GUEST] = "guest"};

/* ---- rules ---- */

int profile_find_line(struct arena *arena, const json_t *body, const char *field, size_t max,
    const char **value, struct error *error)
{
    const char *text = NULL;
    int rc = json_find_text(body, field, 0, max, &text, error);
    if (rc < 0)
        return rc;
    if (text && text[strcspn(text, "\r\n\t")])
        return error_set(error, ERROR_INVALID, NULL, field, "must be one line");
    if (text)
        text = text_trim(arena, text);
    *value = text && *text ? text : NULL;
    return 0;
}

int profile_get_line(struct arena *arena, const json_t *body, const char *field, size_t max,
    const char **value, struct error *error)
{
    const char *text = NULL;
    int rc = json_get_text(body, field, 1, max, &text, error);
    if (rc < 0)
        return rc;
    rc = profile_find_line(arena, body, field, max, &text, error);
    if (rc < 0)
        return rc;
    if (!text)
        return error_set(error, ERROR_INVALID, NULL, field, "must not be empty");
    *value = text;
    return 0;
}

int profile_get_email(
    struct arena *arena, const json_t *body, const char **value, struct error *error)
{
    const char *email = NULL;
    int rc = profile_get_line(arena, body, "email", EMAIL_MAX, &email, error);
    if (rc < 0)
        return rc;
    if (!mail_address_valid(email))
        return error_set(error, ERROR_INVALID, NULL, "email",
            "is not an e-mail address; one looks like name@example.com");
    *value = email;
    return 0;
}

int profile_get_birth_date(struct arena *arena, const json_t *body, int64_t now_ms,
    const char **value, struct error *error)
{
    const char *date = NULL;
    int year = 0;
    int rc = json_get_text(body, "birth_date", 1, 40, &date, error);
    if (rc < 0)
        return rc;
    if (strlen(date) != strlen("2001-01-31") || clock_parse_date(date, &year, NULL, NULL) < 0)
        return error_set(error, ERROR_INVALID, NULL, "birth_date",
            "must be a date of the calendar, such as 1988-04-12");
    if (year < 1900)
        return error_set(error, ERROR_INVALID, NULL, "birth_date", "must not be before 1900");
    int age = clock_age_years(date, now_ms);
    if (age < 0)
        return error_set(error, ERROR_INVALID, NULL, "birth_date", "must not be in the future");
    if (age < USER_MIN_AGE)
        return error_set(error, ERROR_INVALID, NULL, "birth_date",
            "an account is for people of %d and over", USER_MIN_AGE);
    *value = arena_strdup(arena, date);
    return 0;
}

int profile_get_password(
    struct arena *arena, const json_t *body, size_t min, char **value, struct error *error)
{
    const char *text = json_string_value(json_object_get(body, "password"));
    if (!text)
        return error_set(error, ERROR_INVALID, NULL, "password",
            json_object_get(body, "password") ? "must be a string" : "is required");
    size_t length = utf8_length(text);
    if (length < min)
        return error_set(
            error, ERROR_INVALID, NULL, "password", "must have at least %zu characters", min);
    if (length > PASSWORD_MAX)
        return error_set(error, ERROR_INVALID, NULL, "password", "must have at most %d characters",
            PASSWORD_MAX);
    *value = arena_strdup(arena, text);
    return 0;
}

int profile_email_mac(
    struct keyring *keyring, const char *email, char mac[KEYRING_MAC_SIZE], struct error *error)
{
    char lower[EMAIL_MAX + 1];
    size_t length = strlen(email);
    if (length > EMAIL_MAX)
        return error_set(error, ERROR_INVALID, NULL, "email", "is too long");
    for (size_t i = 0; i < length; i++)
        lower[i] = email[i] >= 'A' && email[i] <= 'Z' ? (char)(email[i] | 32) : email[i];
    return keyring_mac(keyring, "email", lower, length, mac, error);
}

/* ---- sealing ---- */

const char *owner_context(struct arena *arena, enum owner_kind kind, const char *id)
{
    return arena_printf(arena, "%s:%s", kind_names[kind], id);
}

const char *field_context(
    struct arena *arena, enum owner_kind kind, const char *field, const char *id)
{
    return arena_printf(arena, "%s.%s:%s", kind_names[kind], field, id);
}

/* The keyring and the seals call it invalid input; here it is a damaged store. */
static int damaged(enum owner_kind kind, const char *id, struct error *error)
{
    struct error cause = error ? *error : (struct error){0};
    return error_set(error, ERROR_INTERNAL, NULL, NULL, "%s %s cannot be read: %s",
        kind_names[kind], id, cause.message);
}

int owner_unwrap(struct keyring *keyring, struct arena *arena, enum owner_kind kind, const char *id,
    const char *wrapped, struct data_key *key, struct error *error)
{
    int rc = keyring_unwrap(keyring, owner_context(arena, kind, id), wrapped, key, error);
    if (rc == ERROR_UNAVAILABLE || rc == ERROR_TIMEOUT)
        return rc;
    return rc < 0 ? damaged(kind, id, error) : 0;
}

struct sealed_profile {
    enum owner_kind kind;
    const char *id, *data_key;
    const char *name, *email, *birth_date;
};

static int open_field(struct arena *arena, const struct data_key *key,
    const struct sealed_profile *sealed, const char *field, const char *value, const char **out,
    struct error *error)
{
    char *text = NULL;
    int rc = sealed_open_text(
        arena, key, field_context(arena, sealed->kind, field, sealed->id), value, &text, error);
    if (rc < 0)
        return damaged(sealed->kind, sealed->id, error);
    *out = text;
    return 0;
}

static int open_profile(struct keyring *keyring, struct arena *arena,
    const struct sealed_profile *sealed, struct profile *profile, struct error *error)
{
    CLEANUP_DATA_KEY struct data_key key;
    struct profile opened = {0};
    int rc = owner_unwrap(keyring, arena, sealed->kind, sealed->id, sealed->data_key, &key, error);
    if (rc == 0)
        rc = open_field(arena, &key, sealed, "name", sealed->name, &opened.name, error);
    if (rc == 0)
        rc = open_field(arena, &key, sealed, "email", sealed->email, &opened.email, error);
    if (rc == 0 && sealed->birth_date)
        rc = open_field(
            arena, &key, sealed, "birth_date", sealed->birth_date, &opened.birth_date, error);
    if (rc == 0)
        *profile = opened;
    return rc;
}

int profile_open_user(struct keyring *keyring, struct arena *arena, const struct user_row *row,
    struct profile *profile, struct error *error)
{
    struct sealed_profile sealed = {
        OWNER_USER, row->id, row->data_key, row->name, row->email, row->birth_date};
    return open_profile(keyring, arena, &sealed, profile, error);
}

int profile_open_guest(struct keyring *keyring, struct arena *arena, const struct guest_row *row,
    struct profile *profile, struct error *error)
{
    struct sealed_profile sealed = {
        OWNER_GUEST, row->id, row->data_key, row->name, row->email, row->birth_date};
    return open_profile(keyring, arena, &sealed, profile, error);
}

static int seal_profile(struct keyring *keyring, struct arena *arena, const struct profile *profile,
    struct sealed_profile *sealed, struct error *error)
{
    CLEANUP_DATA_KEY struct data_key key;
    enum owner_kind kind = sealed->kind;
    const char *id = sealed->id;
    int rc;
    if (sealed->data_key) {
        rc = owner_unwrap(keyring, arena, kind, id, sealed->data_key, &key, error);
    } else {
        char *wrapped = NULL;
        rc =
            keyring_generate(keyring, owner_context(arena, kind, id), arena, &key, &wrapped, error);
        sealed->data_key = wrapped;
    }
    if (rc < 0)
        return rc;
    sealed->name =
        sealed_seal_text(arena, &key, field_context(arena, kind, "name", id), profile->name);
    sealed->email =
        sealed_seal_text(arena, &key, field_context(arena, kind, "email", id), profile->email);
    sealed->birth_date = sealed_seal_text(
        arena, &key, field_context(arena, kind, "birth_date", id), profile->birth_date);
    return 0;
}

int profile_seal_user(struct keyring *keyring, struct arena *arena, const struct profile *profile,
    struct user_row *row, struct error *error)
{
    struct sealed_profile sealed = {.kind = OWNER_USER, .id = row->id, .data_key = row->data_key};
    int rc = profile_email_mac(keyring, profile->email, row->email_mac, error);
    if (rc == 0)
        rc = seal_profile(keyring, arena, profile, &sealed, error);
    if (rc < 0)
        return rc;
    row->data_key = sealed.data_key;
    row->name = sealed.name;
    row->email = sealed.email;
    row->birth_date = sealed.birth_date;
    return 0;
}

int profile_seal_guest(struct keyring *keyring, struct arena *arena, const struct profile *profile,
    struct guest_row *row, struct error *error)
{
    struct sealed_profile sealed = {.kind = OWNER_GUEST, .id = row->id, .data_key = row->data_key};
    int rc = profile_email_mac(keyring, profile->email, row->email_mac, error);
    if (rc == 0)
        rc = seal_profile(keyring, arena, profile, &sealed, error);
    if (rc < 0)
        return rc;
    row->data_key = sealed.data_key;
    row->name = sealed.name;
    row->email = sealed.email;
    row->birth_date = sealed.birth_date;
    return 0;
}

/* ---- JSON ---- */

const char *user_role_name(const struct user_row *row)
{
    return row->admin ? "admin" : "shopper";
}

void profile_append_user(
    struct buffer *buffer, const struct user_row *row, const struct profile *profile)
{
    char created[CLOCK_TEXT_SIZE];
    buffer_append_text(buffer, "{\"id\":\"");
    buffer_append_text(buffer, row->id);
    buffer_append_text(buffer, "\",\"email\":");
    buffer_append_json(buffer, profile->email);
    buffer_append_text(buffer, ",\"name\":");
    buffer_append_json(buffer, profile->name);
    buffer_append_text(buffer, ",\"birth_date\":");
    buffer_append_json(buffer, profile->birth_date);
    buffer_append_text(buffer, ",\"email_verified\":");
    buffer_append_text(buffer, row->email_verified ? "true" : "false");
    buffer_append_text(buffer, ",\"role\":\"");
    buffer_append_text(buffer, user_role_name(row));
    buffer_append_text(buffer, "\",\"marketing\":");
    buffer_append_text(buffer, row->marketing ? "true" : "false");
    buffer_append_text(buffer, ",\"created_at\":\"");
    buffer_append_text(buffer, clock_format(row->created_ms, created));
    buffer_append_text(buffer, "\"}");
}

const char *profile_first_name(struct arena *arena, const char *name)
{
    return arena_strndup(arena, name, strcspn(name, " "));
}
