/* The user service's rules without a service: tokens of mails, rate limits, the password pool. */
#include "arena.h"
#include "engines.h"
#include "limiter.h"
#include "password.h"
#include "secure.h"
#include "tokens.h"

#define HOUR ((int64_t)3600 * 1000)
#define NONCE "01HF7YAT0000000000000000AA"
#define NONCE_MS ((int64_t)1700000000000)

static struct keyring *keyring;

static struct user_row account(void)
{
    return (struct user_row){.id = "01J8ZQ4T8M3V5X7Y9A1B2C3D4A",
        .email_mac = "00ff",
        .password = "$argon2id$first",
        .version = 1};
}

static int make(enum mail_token_kind kind, const struct user_row *row, const char *nonce,
    int64_t now, char token[MAIL_TOKEN_SIZE], struct error *error)
{
    int64_t expires = 0;
    int rc = mail_token_make(keyring, kind, row, nonce, now, token, &expires, error);
    if (rc == 0)
        assert_true(expires > now);
    return rc;
}

static void kinds_have_names(void **state)
{
    (void)state;
    enum mail_token_kind kind;
    assert_int_equal(mail_token_kind_parse("reset", &kind), 0);
    assert_int_equal(kind, MAIL_TOKEN_RESET);
    assert_int_equal(mail_token_kind_parse("Reset", &kind), -1);
    assert_int_equal(mail_token_kind_parse(NULL, &kind), -1);
}

static void a_token_lives_as_long_as_its_kind(void **state)
{
    (void)state;
    static const int64_t lifetimes[] = {48 * HOUR, HOUR, 365 * 24 * HOUR};
    struct user_row row = account();
    for (int kind = 0; kind < 3; kind++) {
        char token[MAIL_TOKEN_SIZE], again[MAIL_TOKEN_SIZE];
        struct error error = {0};
        int64_t end = NONCE_MS + lifetimes[kind];
        enum mail_token_kind k = (enum mail_token_kind)kind;
        assert_int_equal(make(k, &row, NONCE, NONCE_MS, token, &error), 0);
        assert_int_equal(make(k, &row, NONCE, end - 1, again, &error), 0);
        assert_string_equal(token, again);
        assert_int_equal(mail_token_check(keyring, k, &row, token, end - 1, &error), 0);
        assert_int_equal(mail_token_check(keyring, k, &row, token, end, &error), ERROR_NOT_FOUND);
        assert_string_equal(error.reason, "token_expired");
        assert_int_equal(make(k, &row, NONCE, end, again, &error), ERROR_NOT_FOUND);
        assert_string_equal(error.reason, "token_expired");
    }
}

static void nonces_are_ids_of_the_past(void **state)
{
    (void)state;
    struct user_row row = account();
    char token[MAIL_TOKEN_SIZE];
    struct error error = {0};
    assert_int_equal(
        make(MAIL_TOKEN_RESET, &row, "nonsense", NONCE_MS, token, &error), ERROR_NOT_FOUND);
    assert_int_equal(
        make(MAIL_TOKEN_RESET, &row, NONCE, NONCE_MS - 2 * HOUR, token, &error), ERROR_NOT_FOUND);
    assert_string_equal(error.reason, "");
}

static void refused(enum mail_token_kind kind, const struct user_row *row, const char *token)
{
    struct error error = {0};
    assert_int_equal(mail_token_check(keyring, kind, row, token, NONCE_MS, &error), ERROR_INVALID);
    assert_string_equal(error.reason, "token_invalid");
    assert_string_equal(error.field, "token");
}

static void every_altered_character_is_refused(void **state)
{
    (void)state;
    struct user_row row = account();
    char token[MAIL_TOKEN_SIZE];
    assert_int_equal(make(MAIL_TOKEN_RESET, &row, NONCE, NONCE_MS, token, NULL), 0);
    for (size_t i = 0; i < strlen(token); i++) {
        char altered[MAIL_TOKEN_SIZE];
        memcpy(altered, token, sizeof(altered));
        altered[i] = altered[i] == '2' ? '3' : '2';
        refused(MAIL_TOKEN_RESET, &row, altered);
    }
    refused(MAIL_TOKEN_RESET, &row, "");
    refused(MAIL_TOKEN_RESET, &row, "r");
    refused(MAIL_TOKEN_VERIFY, &row, token);
    token[strlen(token) - 1] = '\0';
    refused(MAIL_TOKEN_RESET, &row, token);
}

static void a_token_is_bound_to_what_it_changes(void **state)
{
    (void)state;
    struct user_row row = account(), other = account();
    char reset[MAIL_TOKEN_SIZE], verify[MAIL_TOKEN_SIZE];
    assert_int_equal(make(MAIL_TOKEN_RESET, &row, NONCE, NONCE_MS, reset, NULL), 0);
    assert_int_equal(make(MAIL_TOKEN_VERIFY, &row, NONCE, NONCE_MS, verify, NULL), 0);
    row.password = "$argon2id$second";
    refused(MAIL_TOKEN_RESET, &row, reset);
    assert_int_equal(mail_token_check(keyring, MAIL_TOKEN_VERIFY, &row, verify, NONCE_MS, NULL), 0);
    strcpy(row.email_mac, "11ff");
    refused(MAIL_TOKEN_VERIFY, &row, verify);
    strcpy(other.id, "01J8ZQ4T8M3V5X7Y9A1B2C3D4B");
    refused(MAIL_TOKEN_RESET, &other, reset);
}

/* ---- limits ---- */

static void a_bucket_holds_its_burst(void **state)
{
    (void)state;
    struct limiter *limiter = limiter_new(3, 1000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(limiter_take(limiter, "a", 5000), 0);
    assert_int_equal(limiter_take(limiter, "a", 5000), 1000);
    assert_int_equal(limiter_take(limiter, "a", 5400), 600);
    assert_int_equal(limiter_take(limiter, "b", 5400), 0);
    assert_int_equal(limiter_take(limiter, "a", 6000), 0);
    assert_int_equal(limiter_take(limiter, "a", 6000), 1000);
    limiter_forget(limiter, "a");
    for (int i = 0; i < 3; i++)
        assert_int_equal(limiter_take(limiter, "a", 6000), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(limiter_take(limiter, "a", 99000), 0);
    assert_true(limiter_take(limiter, "a", 99000) > 0);
    limiter_free(limiter);
}

static void a_flood_of_keys_is_no_harm(void **state)
{
    (void)state;
    struct limiter *limiter = limiter_new(3, 1000);
    char key[32];
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        assert_int_equal(limiter_take(limiter, key, 5000 + i), 0);
    }
    limiter_free(limiter);
}

/* ---- passwords ---- */

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int done;
};

static void password_done(struct password_job *job)
{
    struct waiting *waiting = job->ctx;
    pthread_mutex_lock(&waiting->lock);
    waiting->done++;
    pthread_cond_signal(&waiting->changed);
    pthread_mutex_unlock(&waiting->lock);
}

static void wait_for(struct waiting *waiting, int count)
{
    pthread_mutex_lock(&waiting->lock);
    while (waiting->done < count)
        pthread_cond_wait(&waiting->changed, &waiting->lock);
    pthread_mutex_unlock(&waiting->lock);
}

static void passwords_are_hashed_and_compared(void **state)
{
    (void)state;
    struct password_pool *pool = password_pool_new(1, 8);
    struct waiting waiting = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct error error = {0};
    char secret[] = "correct horse", right[] = "correct horse", wrong[] = "wrong", any[] = "any";
    struct password_job hash = {
        .work = PASSWORD_HASH, .password = secret, .done = password_done, .ctx = &waiting};
    assert_int_equal(password_pool_submit(pool, &hash, &error), 0);
    wait_for(&waiting, 1);
    assert_int_equal(hash.rc, 0);
    assert_int_equal(strncmp(hash.hashed, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
    assert_int_equal(secret[0], 0); /* overwritten */
    struct password_job jobs[] = {
        {.work = PASSWORD_VERIFY, .password = right, .hash = hash.hashed},
        {.work = PASSWORD_VERIFY, .password = wrong, .hash = hash.hashed},
        {.work = PASSWORD_VERIFY, .password = any, .hash = NULL},
    };
    for (int i = 0; i < 3; i++) {
        jobs[i].done = password_done;
        jobs[i].ctx = &waiting;
        assert_int_equal(password_pool_submit(pool, &jobs[i], &error), 0);
    }
    wait_for(&waiting, 4);
    assert_true(jobs[0].matches);
    assert_false(jobs[1].matches);
    assert_false(jobs[2].matches);
    password_pool_free(pool);
}

static void a_full_queue_refuses_at_once(void **state)
{
    (void)state;
    struct password_pool *pool = password_pool_new(1, 4);
    struct waiting waiting = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct password_job jobs[20];
    char passwords[20][16];
    int taken = 0, refusals = 0;
    for (int i = 0; i < 20; i++) {
        struct error error = {0};
        strcpy(passwords[i], "correct horse");
        jobs[i] = (struct password_job){.work = PASSWORD_HASH,
            .password = passwords[i],
            .done = password_done,
            .ctx = &waiting};
        if (password_pool_submit(pool, &jobs[i], &error) == 0)
            taken++;
        else if (error.code == ERROR_UNAVAILABLE)
            refusals++;
    }
    assert_int_equal(taken + refusals, 20);
    assert_true(taken >= 4);
    assert_true(refusals > 0);
    password_pool_free(pool); /* finishes what waits */
    assert_int_equal(waiting.done, taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_have_names),
        cmocka_unit_test(a_token_lives_as_long_as_its_kind),
        cmocka_unit_test(nonces_are_ids_of_the_past),
        cmocka_unit_test(every_altered_character_is_refused),
        cmocka_unit_test(a_token_is_bound_to_what_it_changes),
        cmocka_unit_test(a_bucket_holds_its_burst),
        cmocka_unit_test(a_flood_of_keys_is_no_harm),
        cmocka_unit_test(passwords_are_hashed_and_compared),
        cmocka_unit_test(a_full_queue_refuses_at_once),
    };
    secure_init();
    keyring = keyring_memory_new();
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    keyring_close(keyring);
    return failures;
}
