/*
 * What a stranger can send to the user service: a JSON body for the rules of registration, and a
 * token of a mail. What the rules accept must be what they promise.
 *
 * By hand: clang -g -O1 -fsanitize=fuzzer,address,undefined with this file and the user service.
 */
#include "arena.h"
#include "profile.h"
#include "secure.h"
#include "text.h"
#include "tokens.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_MS ((int64_t)1790000000000)

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static bool one_line(const char *text)
{
    return *text && !text[strcspn(text, "\r\n\t")];
}

static void check_rules(struct arena *arena, const json_t *body)
{
    struct error error = {0};
    const char *value = NULL;
    char *password = NULL;
    if (profile_get_email(arena, body, &value, &error) == 0)
        demand(one_line(value) && strlen(value) <= EMAIL_MAX && strchr(value, '@'));
    if (profile_get_line(arena, body, "name", 100, &value, &error) == 0)
        demand(one_line(value) && utf8_length(value) <= 100);
    if (profile_find_line(arena, body, "line2", 200, &value, &error) == 0)
        demand(!value || one_line(value));
    if (profile_get_birth_date(arena, body, NOW_MS, &value, &error) == 0)
        demand(strlen(value) == 10 && strcmp(value, "1900-01-01") >= 0);
    if (profile_get_password(arena, body, PASSWORD_MIN, &password, &error) == 0)
        demand(utf8_length(password) >= PASSWORD_MIN && utf8_length(password) <= PASSWORD_MAX);
}

static void check_token(struct arena *arena, const json_t *body)
{
    static struct keyring *keyring;
    const struct user_row row = {.id = "01J8ZQ4T8M3V5X7Y9A1B2C3D4A",
        .email_mac = "00ff",
        .password = "$argon2id$",
        .version = 1};
    struct error error = {0};
    const char *token = NULL;
    if (!keyring) {
        secure_init();
        keyring = keyring_memory_new();
    }
    if (profile_get_line(arena, body, "token", 512, &token, &error) < 0)
        return;
    for (int kind = 0; kind < 3; kind++)
        demand(
            mail_token_check(keyring, (enum mail_token_kind)kind, &row, token, NOW_MS, &error) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_JSON json_t *body = NULL;
    if (json_read_object((const char *)data, size, &body, NULL) < 0)
        return 0;
    struct arena *arena = arena_new();
    check_rules(arena, body);
    check_token(arena, body);
    arena_free(arena);
    return 0;
}
