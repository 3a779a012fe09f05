#include "service.h"

#include "arena.h"
#include "log.h"
#include "mail.h"
#include "text.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static void ready(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    static const char body[] = "{\"checks\":[{\"name\":\"user\",\"ready\":true,\"detail\":\"\"}]}";
    http_reply(exchange, 200, "application/json", body, sizeof(body) - 1);
}

static const struct route routes[] = {
    {HTTP_GET, "/internal/sessions/{hash}", user_check_session},
    {HTTP_GET, "/internal/users/{id}", user_get},
    {HTTP_GET, "/internal/users/first-names", user_first_names},
    {HTTP_GET, "/internal/users/{id}/mail-token", user_make_mail_token},
    {HTTP_GET, "/internal/guests/{id}", user_get_guest},
    {HTTP_PUT, "/internal/guests/{id}", user_put_guest},
    {HTTP_GET, "/internal/export", user_export},
    {HTTP_GET, "/internal/ready", ready},
    {HTTP_POST, "/api/v1/users", user_register},
    {HTTP_GET, "/api/v1/session", user_who_am_i},
    {HTTP_POST, "/api/v1/session", user_sign_in},
    {HTTP_DELETE, "/api/v1/session", user_sign_out},
    {HTTP_POST, "/api/v1/email-verification", user_resend_verification},
    {HTTP_PUT, "/api/v1/email-verification", user_verify_email},
    {HTTP_POST, "/api/v1/password-reset", user_request_reset},
    {HTTP_PUT, "/api/v1/password-reset", user_reset_password},
    {HTTP_POST, "/api/v1/unsubscribe", user_unsubscribe},
    {HTTP_GET, "/api/v1/me", user_get_me},
    {HTTP_PATCH, "/api/v1/me", user_patch_me},
    {HTTP_DELETE, "/api/v1/me", user_erase_me},
    {HTTP_GET, "/api/v1/me/addresses", user_list_addresses},
    {HTTP_POST, "/api/v1/me/addresses", user_add_address},
    {HTTP_PUT, "/api/v1/me/addresses/{id}", user_replace_address},
    {HTTP_DELETE, "/api/v1/me/addresses/{id}", user_delete_address},
    {HTTP_GET, "/api/v1/admin/customers", user_list_customers},
    {HTTP_GET, NULL, NULL},
};

void user_count(struct counter *counter)
{
    if (counter)
        counter_increment(counter);
}

/* ---- work that no exchange waits for ---- */

void user_background_begin(struct user_service *service)
{
    pthread_mutex_lock(&service->lock);
    service->background++;
    pthread_mutex_unlock(&service->lock);
}

void user_background_end(struct user_service *service)
{
    pthread_mutex_lock(&service->lock);
    if (--service->background == 0)
        pthread_cond_signal(&service->idle);
    pthread_mutex_unlock(&service->lock);
}

static void swept(void *ctx, int rc, const struct error *error)
{
    if (rc < 0)
        log_write(LOG_WARN, "user", NULL, "expired sessions stay for now: %s", error->message);
    user_background_end(ctx);
}

/* At most once a day, when somebody signs in: expired sessions are refused anyhow, this only frees
 * their room. */
void user_sweep_sessions(struct user_service *service)
{
    int64_t now = clock_now_ms();
    pthread_mutex_lock(&service->lock);
    bool due = now - service->swept_ms >= DAY_MS;
    if (due) {
        service->swept_ms = now;
        service->background++;
    }
    pthread_mutex_unlock(&service->lock);
    if (due)
        user_store_drop_expired(service->store, now, swept, service);
}

/* ---- construction ---- */

static double waiting_passwords(void *ctx)
{
    return password_pool_waiting(ctx);
}

static void add_metrics(struct user_service *service, struct metrics *metrics)
{
    service->registered =
        metrics_counter(metrics, "winestore_users_registered_total", "Accounts opened.", NULL);
    service->signed_in =
        metrics_counter(metrics, "winestore_sign_ins_total", "Sessions begun.", NULL);
    service->refused = metrics_counter(metrics, "winestore_sign_ins_refused_total",
        "Sign-ins with a wrong address or password, or too many of them.", NULL);
    service->erased =
        metrics_counter(metrics, "winestore_users_erased_total", "Accounts erased.", NULL);
    metrics_gauge_callback(metrics, "winestore_passwords_waiting",
        "Passwords that wait for a thread to hash them.", NULL, waiting_passwords,
        service->passwords);
}

int user_service_new(
    struct user_service **out, const struct user_service_options *options, struct error *error)
{
    (void)error;
    struct user_service *service = calloc(1, sizeof(*service));
    if (!service)
        abort();
    service->store = options->store;
    service->keyring = options->keyring;
    service->unlimited = options->unlimited;
    service->passwords =
        password_pool_new(options->password_threads ? options->password_threads : 1,
            options->password_queue ? options->password_queue : 64);
    service->sign_ins = limiter_new(/* burst= */ 10, /* interval_ms= */ 12 * 1000);
    service->mails = limiter_new(/* burst= */ 3, /* interval_ms= */ 10 * 60 * 1000);
    service->router = router_new(routes, service);
    pthread_mutex_init(&service->lock, NULL);
    pthread_cond_init(&service->idle, NULL);
    if (options->metrics)
        add_metrics(service, options->metrics);
    *out = service;
    return 0;
}

struct router *user_service_router(struct user_service *service)
{
    return service->router;
}

void user_service_free(struct user_service *service)
{
    if (!service)
        return;
    password_pool_free(service->passwords);
    pthread_mutex_lock(&service->lock);
    while (service->background > 0)
        pthread_cond_wait(&service->idle, &service->lock);
    pthread_mutex_unlock(&service->lock);
    router_free(service->router);
    limiter_free(service->sign_ins);
    limiter_free(service->mails);
    pthread_cond_destroy(&service->idle);
    pthread_mutex_destroy(&service->lock);
    free(service);
}

/* ---- flows ---- */

void *user_flow_new(struct user_service *service, struct exchange *exchange, size_t size)
{
    struct flow *flow = arena_zalloc(exchange->arena, size);
    flow->service = service;
    flow->exchange = exchange;
    flow->effects.items = flow->items;
    return flow;
}

int user_flow_body(struct flow *flow, json_t **body)
{
    return http_json_body(flow->exchange, body);
}

struct password_step {
    struct flow *flow;
    void (*next)(struct flow *flow);
};

static void password_done(struct password_job *job)
{
    struct password_step step = *(struct password_step *)job->ctx;
    if (job->rc < 0) {
        error_set(&step.flow->error, ERROR_INTERNAL, NULL, NULL, "no memory to hash a password in");
        http_fail(step.flow->exchange, &step.flow->error);
        return;
    }
    step.next(step.flow);
}

void user_flow_password(struct flow *flow, enum password_work work, char *password,
    const char *hash, void (*next)(struct flow *flow))
{
    struct password_step *step = arena_new_struct(flow->exchange->arena, struct password_step);
    *step = (struct password_step){flow, next};
    flow->password_job = (struct password_job){
        .work = work, .password = password, .hash = hash, .done = password_done, .ctx = step};
    if (password_pool_submit(flow->service->passwords, &flow->password_job, &flow->error) < 0)
        http_fail(flow->exchange, &flow->error);
}

void user_reply_unauthenticated(struct exchange *exchange)
{
    http_problem(exchange, 401, "unauthenticated", NULL, "sign in first");
}

bool user_signed_in(struct exchange *exchange)
{
    if (exchange->request.identity.user[0])
        return true;
    user_reply_unauthenticated(exchange);
    return false;
}

bool user_signed_in_admin(struct exchange *exchange)
{
    if (!user_signed_in(exchange))
        return false;
    if (exchange->request.identity.role == ROLE_ADMIN)
        return true;
    http_problem(exchange, 403, "forbidden", NULL, "this is for the back office");
    return false;
}

void user_reply_profile(struct flow *flow, int status)
{
    struct buffer body = BUFFER_INIT;
    profile_append_user(&body, &flow->row, &flow->profile);
    http_reply_json(flow->exchange, status, &body);
}

void user_reply_contended(struct exchange *exchange)
{
    http_set_header(exchange, "Retry-After", "1");
    http_problem(exchange, 503, "unavailable", NULL,
        "the account is being changed elsewhere at this moment; try again");
}

void user_reply_limited(struct exchange *exchange, int64_t wait_ms)
{
    http_set_header(exchange, "Retry-After",
        arena_printf(exchange->arena, "%lld", (long long)((wait_ms + 999) / 1000)));
    http_problem(exchange, 429, "rate_limited", NULL, "too many attempts; try again later");
}

bool user_mail_allowed(struct user_service *service, const char *account, const char *template)
{
    char key[ID_SIZE + 40];
    snprintf(key, sizeof(key), "%s:%s", account, template);
    return service->unlimited || limiter_take(service->mails, key, clock_monotonic_ms()) == 0;
}

/* ---- effects ---- */

void user_effects_event(struct flow *flow, const char *type, const char *changed, int64_t sequence)
{
    struct arena *arena = flow->exchange->arena;
    const struct user_row *row = &flow->row;
    const struct trace *trace = &flow->exchange->request.trace;
    const char *data =
        strcmp(type, "user.erased") == 0
            ? "{}"
            : arena_printf(arena, "{%s%s%s\"role\":\"%s\",\"marketing\":%s,\"email_verified\":%s}",
                  changed ? "\"changed\":" : "", changed ? changed : "", changed ? "," : "",
                  user_role_name(row), row->marketing ? "true" : "false",
                  row->email_verified ? "true" : "false");
    char *id = id_new(arena_alloc(arena, ID_SIZE));
    CLEANUP_BUFFER struct buffer body = BUFFER_INIT;
    cloudevent_append(&body, &(struct cloudevent){.id = id,
                                 .source = "/services/user",
                                 .type = type,
                                 .subject = row->id,
                                 .sequence = sequence,
                                 .trace_id = trace->trace_id,
                                 .span_id = trace->span_id,
                                 .data = data});
    flow->items[flow->effects.item_count++] = (struct outbox_item){.target = "stream",
        .key = row->id,
        .id = id,
        .body = arena_strndup(arena, body.data, body.length),
        .length = body.length};
}

void user_effects_mail(struct arena *arena, struct user_effects *effects, struct outbox_item *items,
    const char *template, const char *user_id)
{
    char *id = id_new(arena_alloc(arena, ID_SIZE));
    char nonce[ID_SIZE];
    char *body = arena_printf(arena,
        "{\"id\":\"%s\",\"template\":\"%s\",\"user_id\":\"%s\",\"token_ref\":\"%s\"}", id, template,
        user_id, id_new(nonce));
    items[effects->item_count++] = (struct outbox_item){
        .target = "queue:mail", .key = user_id, .id = id, .body = body, .length = strlen(body)};
}

/* ---- the first admin ---- */

/* Four groups of five, without what looks alike: 99 bits. */
static void generate_password(char text[USER_PASSWORD_TEXT_SIZE])
{
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";
    for (int i = 0; i < USER_PASSWORD_TEXT_SIZE - 1; i++)
        text[i] = i % 6 == 5 ? '-' : letters[randombytes_uniform(sizeof(letters) - 1)];
    text[USER_PASSWORD_TEXT_SIZE - 1] = '\0';
}

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool done;
    int rc;
    struct error error;
};

static void wake_waiting(void *ctx, int rc, const struct error *error)
{
    struct waiting *waiting = ctx;
    pthread_mutex_lock(&waiting->lock);
    waiting->rc = rc;
    waiting->error = *error;
    waiting->done = true;
    pthread_cond_signal(&waiting->finished);
    pthread_mutex_unlock(&waiting->lock);
}

static int wait_for(struct waiting *waiting, struct error *error)
{
    pthread_mutex_lock(&waiting->lock);
    while (!waiting->done)
        pthread_cond_wait(&waiting->finished, &waiting->lock);
    waiting->done = false;
    pthread_mutex_unlock(&waiting->lock);
    if (waiting->rc < 0 && error)
        *error = waiting->error;
    return waiting->rc;
}

static int add_admin(struct user_service *service, struct arena *arena, struct waiting *waiting,
    const char *email, const char *password, struct error *error)
{
    struct user_row row = {
        .admin = true, .email_verified = true, .version = 1, .created_ms = clock_now_ms()};
    struct profile profile = {.name = "Back office", .email = email};
    char hashed[PASSWORD_HASH_SIZE];
    if (!mail_address_valid(email))
        return error_set(
            error, ERROR_INVALID, NULL, "email", "\"%s\" is not an e-mail address", email);
    size_t length = utf8_valid(password, strlen(password)) ? utf8_length(password) : 0;
    if (length < PASSWORD_MIN || length > PASSWORD_MAX)
        return error_set(error, ERROR_INVALID, NULL, "password",
            "the admin's password must have %d to %d characters", PASSWORD_MIN, PASSWORD_MAX);
    id_new(row.id);
    int rc = password_hash(password, hashed, error);
    if (rc == 0)
        rc = profile_seal_user(service->keyring, arena, &profile, &row, error);
    if (rc < 0)
        return rc;
    row.password = hashed;
    user_store_add(service->store, &row, NULL, wake_waiting, waiting);
    return wait_for(waiting, error);
}

int user_service_ensure_admin(struct user_service *service, const char *email, const char *password,
    char generated[USER_PASSWORD_TEXT_SIZE], struct error *error)
{
    struct waiting waiting = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .finished = PTHREAD_COND_INITIALIZER};
    struct arena *arena = arena_new();
    struct user_list admins = {0};
    generated[0] = '\0';
    user_store_list(service->store, arena, &(struct user_query){.admins = true, .limit = 1},
        &admins, wake_waiting, &waiting);
    int rc = wait_for(&waiting, error);
    if (rc == 0 && admins.count == 0) {
        char made[USER_PASSWORD_TEXT_SIZE];
        generate_password(made);
        rc = add_admin(service, arena, &waiting, email, password ? password : made, error);
        if (rc == 0 && !password)
            memcpy(generated, made, sizeof(made));
        rc = rc < 0 ? rc : 1;
    }
    arena_free(arena);
    return rc;
}
