#include "tokens.h"

#include "secure.h"

#include <stdio.h>
#include <string.h>

#define HOUR ((int64_t)3600 * 1000)
#define MAC_DIGITS 32

static const struct {
    const char *name;
    char letter;
    int64_t lifetime_ms;
} kinds[] = {
    [MAIL_TOKEN_VERIFY] = {"verify", 'v', 48 * HOUR},
    [MAIL_TOKEN_RESET] = {"reset", 'r', HOUR},
    [MAIL_TOKEN_UNSUBSCRIBE] = {"unsubscribe", 'u', 365 * 24 * HOUR},
};

int mail_token_kind_parse(const char *name, enum mail_token_kind *kind)
{
    for (int i = 0; name && i < (int)(sizeof(kinds) / sizeof(kinds[0])); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *kind = (enum mail_token_kind)i;
            return 0;
        }
    }
    return -1;
}

/* The milliseconds in a ULID's first ten digits. */
static int64_t time_of(const char *id)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    int64_t ms = 0;
    for (int i = 0; i < 10; i++)
        ms = ms << 5 | (strchr(digits, id[i]) - digits);
    return ms;
}

static int sign(struct keyring *keyring, enum mail_token_kind kind, const struct user_row *row,
    const char *nonce, char token[MAIL_TOKEN_SIZE], struct error *error)
{
    char text[512], mac[KEYRING_MAC_SIZE];
    const char *bound = kind == MAIL_TOKEN_VERIFY  ? row->email_mac
                        : kind == MAIL_TOKEN_RESET ? row->password
                                                   : "";
    int length =
        snprintf(text, sizeof(text), "%c:%s:%s:%s", kinds[kind].letter, row->id, nonce, bound);
    if (length < 0 || (size_t)length >= sizeof(text))
        return error_set(error, ERROR_INTERNAL, NULL, NULL, "a token's text is too long");
    int rc = keyring_mac(keyring, "mail-token", text, (size_t)length, mac, error);
    if (rc == 0)
        snprintf(token, MAIL_TOKEN_SIZE, "%c%s%s%.*s", kinds[kind].letter, row->id, nonce,
            MAC_DIGITS, mac);
    return rc;
}

static int expired(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "token_expired", NULL,
        "this link is too old; ask for a new message");
}

static int invalid(struct error *error)
{
    return error_set(error, ERROR_INVALID, "token_invalid", "token",
        "this link is not valid, or was used already");
}

int mail_token_make(struct keyring *keyring, enum mail_token_kind kind, const struct user_row *row,
    const char *nonce, int64_t now_ms, char token[MAIL_TOKEN_SIZE], int64_t *expires_ms,
    struct error *error)
{
    if (!id_valid(nonce) || time_of(nonce) > now_ms + HOUR)
        return error_set(error, ERROR_NOT_FOUND, NULL, NULL, "no such nonce");
    int64_t expires = time_of(nonce) + kinds[kind].lifetime_ms;
    if (expires <= now_ms)
        return expired(error);
    int rc = sign(keyring, kind, row, nonce, token, error);
    if (rc == 0)
        *expires_ms = expires;
    return rc;
}

int mail_token_account(
    const char *token, enum mail_token_kind kind, char id[ID_SIZE], struct error *error)
{
    if (strlen(token) != MAIL_TOKEN_SIZE - 1 || token[0] != kinds[kind].letter)
        return invalid(error);
    char account[ID_SIZE];
    snprintf(account, sizeof(account), "%s", token + 1);
    if (!id_valid(account))
        return invalid(error);
    memcpy(id, account, ID_SIZE);
    return 0;
}

int mail_token_check(struct keyring *keyring, enum mail_token_kind kind, const struct user_row *row,
    const char *token, int64_t now_ms, struct error *error)
{
    char id[ID_SIZE], nonce[ID_SIZE], genuine[MAIL_TOKEN_SIZE];
    int rc = mail_token_account(token, kind, id, error);
    if (rc < 0)
        return rc;
    snprintf(nonce, sizeof(nonce), "%s", token + 1 + ID_LENGTH);
    if (strcmp(id, row->id) != 0 || !id_valid(nonce))
        return invalid(error);
    rc = sign(keyring, kind, row, nonce, genuine, error);
    if (rc < 0)
        return rc;
    if (!secure_equal(token, genuine))
        return invalid(error);
    return time_of(nonce) + kinds[kind].lifetime_ms <= now_ms ? expired(error) : 0;
}
