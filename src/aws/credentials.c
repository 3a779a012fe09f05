#include "credentials.h"

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KEY 128
#define MAX_TOKEN 8192 /* AWS names no limit; the headers of a request are limited to 8 KiB */

struct aws_credentials {
    char *key_id, *secret, *token;
};

/* They stand in header lines: visible ASCII, nothing else. */
static bool is_visible(const char *text)
{
    for (; *text; text++) {
        if (*text <= ' ' || *text > '~')
            return false;
    }
    return true;
}

static int check(const char *text, const char *field, const char *variable, size_t min, size_t max,
    struct error *error)
{
    size_t length = text ? strlen(text) : 0;
    if (length < min)
        return error_set(error, ERROR_INVALID, "no_credentials", field,
            "%s is not set, nor is %s in the environment", field, variable);
    if (length > max || (text && !is_visible(text)))
        return error_set(error, ERROR_INVALID, NULL, field,
            "%s cannot be right: it has blanks or other unprintable characters, or more than %zu",
            field, max);
    return 0;
}

static char *copy(const char *text)
{
    char *copied = strdup(text ? text : "");
    if (!copied)
        abort();
    return copied;
}

int aws_credentials_new(struct aws_credentials **out, const char *access_key_id,
    const char *secret_access_key, const char *session_token, struct error *error)
{
    int rc = check(access_key_id, "aws.access_key_id", "AWS_ACCESS_KEY_ID", 1, MAX_KEY, error);
    if (rc == 0)
        rc = check(
            secret_access_key, "aws.secret_access_key", "AWS_SECRET_ACCESS_KEY", 1, MAX_KEY, error);
    if (rc == 0)
        rc = check(session_token, "aws.session_token", "AWS_SESSION_TOKEN", 0, MAX_TOKEN, error);
    if (rc < 0)
        return rc;
    struct aws_credentials *credentials = calloc(1, sizeof(*credentials));
    if (!credentials)
        abort();
    credentials->key_id = copy(access_key_id);
    credentials->secret = copy(secret_access_key);
    credentials->token = copy(session_token);
    *out = credentials;
    return 0;
}

void aws_credentials_free(struct aws_credentials *credentials)
{
    if (!credentials)
        return;
    OPENSSL_cleanse(credentials->secret, strlen(credentials->secret));
    OPENSSL_cleanse(credentials->token, strlen(credentials->token));
    free(credentials->key_id);
    free(credentials->secret);
    free(credentials->token);
    free(credentials);
}

const char *aws_credentials_key_id(const struct aws_credentials *credentials)
{
    return credentials->key_id;
}

const char *aws_credentials_secret(const struct aws_credentials *credentials)
{
    return credentials->secret;
}

const char *aws_credentials_token(const struct aws_credentials *credentials)
{
    return credentials->token;
}
