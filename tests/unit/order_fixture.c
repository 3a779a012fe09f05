#include "order_fixture.h"

#include "buffer.h"
#include "keyring.h"
#include "secure.h"
#include "sqlite_db.h"
#include "text.h"

/* ---- the product service, in a few lines ---- */

static struct fake_wine *fake_find(struct order_fixture *f, const char *id)
{
    for (int i = 0; i < FAKE_WINES; i++) {
        if (strcmp(f->wines[i].id, id) == 0)
            return &f->wines[i];
    }
    return NULL;
}

static bool fake_is_down(struct order_fixture *f, struct exchange *exchange)
{
    bool down = f->product_down > 0;
    if (down) {
        f->product_down--;
        pthread_mutex_unlock(&f->lock);
        http_problem(exchange, 503, "unavailable", NULL, "down");
    }
    return down;
}

static void fake_wines(void *ctx, struct exchange *exchange)
{
    struct order_fixture *f = ctx;
    const char *ids[100];
    size_t count = text_split(exchange->arena, http_query(exchange, "ids"), ',', ids, 100);
    struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"items\":[");
    pthread_mutex_lock(&f->lock);
    if (fake_is_down(f, exchange)) {
        buffer_release(&body);
        return;
    }
    const char *comma = "";
    for (size_t i = 0; i < count; i++) {
        const struct fake_wine *wine = fake_find(f, ids[i]);
        if (!wine || wine->withdrawn)
            continue;
        buffer_printf(&body,
            "%s{\"id\":\"%s\",\"name\":\"Clos %s\",\"winery\":\"Domaine\",\"vintage\":%s,"
            "\"bottle_ml\":750,\"type\":\"Red\",\"abv\":13.5,"
            "\"price\":{\"amount\":%lld,\"currency\":\"EUR\"},\"available\":%lld}",
            comma, wine->id, wine->id + 22, wine == f->wines ? "null" : "2019",
            (long long)wine->price, (long long)wine->available);
        comma = ",";
    }
    pthread_mutex_unlock(&f->lock);
    buffer_append_text(&body, "]}");
    http_reply_json(exchange, 200, &body);
}

static void fake_wine_page(void *ctx, struct exchange *exchange)
{
    struct order_fixture *f = ctx;
    pthread_mutex_lock(&f->lock);
    const struct fake_wine *wine = fake_find(f, exchange->request.params[0]);
    bool withdrawn = wine && wine->withdrawn;
    pthread_mutex_unlock(&f->lock);
    if (withdrawn)
        http_problem(exchange, 410, "withdrawn", NULL, "no longer sold");
    else
        http_problem(exchange, 404, "not_found", NULL, "no such wine");
}

static struct fake_reservation *fake_reservation(struct order_fixture *f, const char *order_id)
{
    for (int i = 0; i < f->reservation_count; i++) {
        if (strcmp(f->reservations[i].order_id, order_id) == 0)
            return &f->reservations[i];
    }
    assert_true(f->reservation_count < FAKE_ORDERS);
    struct fake_reservation *made = &f->reservations[f->reservation_count++];
    strcpy(made->order_id, order_id);
    return made;
}

static void fake_move(
    struct order_fixture *f, const struct fake_reservation *r, int available, int on_hand)
{
    for (int i = 0; i < r->lines; i++) {
        f->wines[r->line[i].wine].available += available * r->line[i].quantity;
        f->wines[r->line[i].wine].on_hand += on_hand * r->line[i].quantity;
    }
}

static void fake_reserve(void *ctx, struct exchange *exchange)
{
    struct order_fixture *f = ctx;
    CLEANUP_JSON json_t *body = NULL;
    if (http_json_body(exchange, &body) < 0)
        return;
    pthread_mutex_lock(&f->lock);
    if (fake_is_down(f, exchange))
        return;
    struct fake_reservation *r = fake_reservation(f, exchange->request.params[0]);
    bool known = r->state != NEVER, enough = true;
    bool again = r->state == RESERVED;
    const json_t *line;
    size_t i;
    json_array_foreach(json_object_get(body, "lines"), i, line)
    {
        const struct fake_wine *wine = fake_find(f, json_text_or(line, "wine_id", ""));
        assert_non_null(wine);
        if (known)
            continue;
        r->line[i].wine = (int)(wine - f->wines);
        r->line[i].quantity = (int)json_int_or(line, "quantity", 0);
        r->lines = (int)i + 1;
        enough = enough && wine->available >= r->line[i].quantity;
    }
    if (!known && enough) {
        r->state = RESERVED;
        fake_move(f, r, -1, 0);
    }
    pthread_mutex_unlock(&f->lock);
    if (known && !again)
        http_problem(exchange, 409, "version_conflict", NULL, "released or shipped");
    else if (!enough)
        http_problem(exchange, 409, "out_of_stock", NULL, "too few");
    else
        http_reply(exchange, 200, "application/json", "{\"status\":\"reserved\"}", 21);
}

static void fake_release(void *ctx, struct exchange *exchange)
{
    struct order_fixture *f = ctx;
    pthread_mutex_lock(&f->lock);
    struct fake_reservation *r = fake_reservation(f, exchange->request.params[0]);
    bool shipped = r->state == SHIPPED || r->state == RETURNED;
    if (r->state == RESERVED)
        fake_move(f, r, +1, 0);
    if (!shipped)
        r->state = RELEASED;
    pthread_mutex_unlock(&f->lock);
    if (shipped)
        http_problem(exchange, 409, "version_conflict", NULL, "shipped");
    else
        http_reply_empty(exchange, 204);
}

static void fake_shipped(void *ctx, struct exchange *exchange)
{
    struct order_fixture *f = ctx;
    pthread_mutex_lock(&f->lock);
    struct fake_reservation *r = fake_reservation(f, exchange->request.params[0]);
    if (r->state == RESERVED) {
        r->state = SHIPPED;
        fake_move(f, r, 0, -1);
    }
    pthread_mutex_unlock(&f->lock);
    http_reply_empty(exchange, 204);
}

static void fake_returned(void *ctx, struct exchange *exchange)
{
    struct order_fixture *f = ctx;
    pthread_mutex_lock(&f->lock);
    struct fake_reservation *r = fake_reservation(f, exchange->request.params[0]);
    if (r->state == SHIPPED) {
        r->state = RETURNED;
        fake_move(f, r, +1, +1);
    }
    pthread_mutex_unlock(&f->lock);
    http_reply_empty(exchange, 204);
}

static const struct route product_routes[] = {
    {HTTP_GET, "/internal/wines", fake_wines},
    {HTTP_GET, "/api/v1/wines/{id}", fake_wine_page},
    {HTTP_PUT, "/internal/stock/reservations/{id}", fake_reserve},
    {HTTP_DELETE, "/internal/stock/reservations/{id}", fake_release},
    {HTTP_POST, "/internal/stock/reservations/{id}/shipped", fake_shipped},
    {HTTP_POST, "/internal/stock/reservations/{id}/returned", fake_returned},
    {HTTP_OTHER, NULL, NULL},
};

/* ---- the user service, in a few lines ---- */

/* With the lock held. */
static const char *fake_key(struct order_fixture *f, const char *kind, const char *id)
{
    for (int i = 0; i < f->people_count; i++) {
        if (strcmp(f->people[i].id, id) == 0)
            return f->people[i].wrapped;
    }
    assert_true(f->people_count < FAKE_PEOPLE);
    char *wrapped = f->people[f->people_count].wrapped, *text;
    strcpy(f->people[f->people_count++].id, id);
    struct arena *arena = arena_new();
    struct data_key key;
    const char *context = arena_printf(arena, "%s:%s", kind, id);
    assert_int_equal(keyring_generate(f->keyring, context, arena, &key, &text, NULL), 0);
    snprintf(wrapped, sizeof(f->people[0].wrapped), "%s", text);
    data_key_release(&key);
    arena_free(arena);
    return wrapped;
}

static void fake_person(struct order_fixture *f, struct exchange *exchange, const char *kind,
    const char *email, const char *birth_date)
{
    const char *id = exchange->request.params[0];
    struct buffer body = BUFFER_INIT;
    pthread_mutex_lock(&f->lock);
    bool erased = f->erased;
    if (!erased)
        buffer_printf(&body,
            "{\"id\":\"%s\",\"name\":\"Ada\",\"email\":\"%s\",\"birth_date\":%s,"
            "\"email_verified\":true,\"role\":\"shopper\",\"marketing\":false,\"data_key\":\"%s\"}",
            id, email, birth_date, fake_key(f, kind, id));
    pthread_mutex_unlock(&f->lock);
    if (erased)
        http_problem(exchange, 404, "not_found", NULL, "erased");
    else
        http_reply_json(exchange, 200, &body);
}

static void fake_user(void *ctx, struct exchange *exchange)
{
    struct order_fixture *f = ctx;
    fake_person(f, exchange, "user", "ada@example.com", f->birth_date);
}

static void fake_guest(void *ctx, struct exchange *exchange)
{
    struct order_fixture *f = ctx;
    fake_person(f, exchange, "guest", f->email, "\"1988-04-12\"");
}

static void fake_put_guest(void *ctx, struct exchange *exchange)
{
    struct order_fixture *f = ctx;
    CLEANUP_JSON json_t *body = NULL;
    if (http_json_body(exchange, &body) < 0)
        return;
    pthread_mutex_lock(&f->lock);
    snprintf(f->email, sizeof(f->email), "%s", json_text_or(body, "email", ""));
    pthread_mutex_unlock(&f->lock);
    fake_guest(ctx, exchange);
}

static const struct route user_routes[] = {
    {HTTP_GET, "/internal/users/{id}", fake_user},
    {HTTP_GET, "/internal/guests/{id}", fake_guest},
    {HTTP_PUT, "/internal/guests/{id}", fake_put_guest},
    {HTTP_OTHER, NULL, NULL},
};

/* ---- opening and closing ---- */

static const char destinations[] =
    "country,region,name,min_age,currency,tax_percent,tax_label,tax_included,shipping_base,"
    "shipping_per_bottle,free_from,max_bottles_per_order,valid_from,valid_until,source,note\n"
    "DE,,Germany,18,EUR,19,VAT,yes,5.90,0.30,99.00,90,2026-01-01,,law,\n"
    "US,CA,California,21,EUR,7.25,Sales tax,no,24.00,3.00,,24,2026-01-01,,law,An adult signs.\n";

void fixture_open(struct order_fixture *f, bool sqlite)
{
    struct error error = {0};
    char path[128];
    memset(f, 0, sizeof(*f));
    secure_init();
    engine_directory(f->directory);
    pthread_mutex_init(&f->lock, NULL);
    f->birth_date = "\"1988-04-12\"";
    for (int i = 0; i < FAKE_WINES; i++) {
        snprintf(f->wines[i].id, ID_SIZE, "01J9ZQ4T8M3V5X7Y9A1B2C%04d", i);
        f->wines[i].price = 1850 + i * 100;
        f->wines[i].available = f->wines[i].on_hand = 50;
    }
    f->timers = timers_new();
    f->keyring = keyring_memory_new();
    f->payment = payment_test_new(NULL, 0);
    if (sqlite) {
        snprintf(path, sizeof(path), "%s/order.db", f->directory);
        assert_int_equal(order_store_sqlite_open(&f->store, path, &error), 0);
    } else {
        f->store = order_store_memory_new();
    }
    f->order = upstream_local("order");
    f->product = upstream_local("product");
    f->user = upstream_local("user");
    f->product_router = router_new(product_routes, f);
    f->user_router = router_new(user_routes, f);
    upstream_set_router(f->product, f->product_router);
    upstream_set_router(f->user, f->user_router);
    snprintf(path, sizeof(path), "%s/destinations.csv", f->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(destinations, file);
    fclose(file);
    struct order_options options = {.store = f->store,
        .product = f->product,
        .user = f->user,
        .keyring = f->keyring,
        .payment = f->payment,
        .timers = f->timers,
        .destinations_file = path};
    int rc = order_service_new(&f->service, &options, &error);
    if (rc < 0)
        print_error("%s\n", error.message);
    assert_int_equal(rc, 0);
    upstream_set_router(f->order, order_service_router(f->service));
    struct queue_options queue = {.timers = f->timers, .max_receives = 10};
    f->orders = queue_memory_new("orders", &queue);
    f->mail = queue_memory_new("mail", &queue);
    f->stream = stream_memory_new(NULL);
    f->relay = relay_new();
    relay_add_queue(f->relay, f->orders);
    relay_add_queue(f->relay, f->mail);
    relay_set_stream(f->relay, f->stream);
    order_service_attach_relay(f->service, f->relay);
    f->processor = order_processor_new(&(struct order_processor_options){
        .orders = f->orders, .product = f->product, .order = f->order, .payment = f->payment});
}

static bool processing;

void fixture_process(struct order_fixture *f)
{
    processing = true;
    assert_int_equal(order_processor_start(f->processor, NULL), 0);
    assert_int_equal(relay_start(f->relay, NULL), 0);
}

void fixture_close(struct order_fixture *f)
{
    order_service_stop(f->service);
    if (processing) {
        relay_stop(f->relay, 5000, NULL);
        assert_int_equal(order_processor_stop(f->processor, 5000, NULL), 0);
    }
    processing = false;
    relay_free(f->relay);
    order_processor_free(f->processor);
    queue_close(f->orders);
    queue_close(f->mail);
    stream_close(f->stream);
    order_store_close(f->store);
    timers_free(f->timers);
    order_service_free(f->service);
    payment_close(f->payment);
    keyring_close(f->keyring);
    upstream_free(f->order);
    upstream_free(f->product);
    upstream_free(f->user);
    router_free(f->product_router);
    router_free(f->user_router);
    pthread_mutex_destroy(&f->lock);
    engine_directory_remove(f->directory);
}

/* ---- asking, with headers ---- */

struct asking {
    struct exchange exchange; /* first: the exchange's address is the asking's */
    const struct ask *ask;
    pthread_mutex_t lock;
    pthread_cond_t replied;
    bool done;
};

static void asking_replied(struct exchange *exchange)
{
    struct asking *asking = (struct asking *)exchange;
    pthread_mutex_lock(&asking->lock);
    asking->done = true;
    pthread_cond_signal(&asking->replied);
    pthread_mutex_unlock(&asking->lock);
}

static const char *asking_header(struct exchange *exchange, const char *name)
{
    const struct ask *ask = ((struct asking *)exchange)->ask;
    if (strcmp(name, "Idempotency-Key") == 0)
        return ask->key;
    return strcmp(name, "Accept") == 0 ? ask->accept : NULL;
}

static struct http_stream *asking_stream(struct exchange *exchange)
{
    (void)exchange;
    return NULL;
}

static const struct carrier_ops asking_ops = {
    .replied = asking_replied, .header = asking_header, .stream = asking_stream};

static void fill_request(struct asking *asking, const struct ask *ask)
{
    struct http_request *request = &asking->exchange.request;
    struct arena *arena = asking->exchange.arena;
    const char *query = strchrnul(ask->path, '?');
    request->method = ask->method;
    request->path = arena_strndup(arena, ask->path, (size_t)(query - ask->path));
    request->body = ask->body ? ask->body : "";
    request->body_length = strlen(request->body);
    request->content_type = ask->body ? "application/json" : "";
    request->client_address = "";
    strcpy(request->trace.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    strcpy(request->trace.span_id, "00f067aa0ba902b7");
    request->identity.role = ask->admin   ? ROLE_ADMIN
                             : ask->user  ? ROLE_CUSTOMER
                             : ask->guest ? ROLE_GUEST
                                          : ROLE_NONE;
    snprintf(request->identity.user, ID_SIZE, "%s", ask->user ? ask->user : "");
    snprintf(request->identity.guest, ID_SIZE, "%s", ask->guest ? ask->guest : "");
    if (*query)
        assert_int_equal(http_parse_query(request, arena, query + 1, NULL), 0);
}

struct answer fixture_ask(struct order_fixture *fixture, const struct ask *ask)
{
    struct asking *asking = calloc(1, sizeof(*asking));
    assert_non_null(asking);
    asking->ask = ask;
    asking->exchange.ops = &asking_ops;
    asking->exchange.arena = arena_new();
    asking->exchange.trusted = true;
    pthread_mutex_init(&asking->lock, NULL);
    pthread_cond_init(&asking->replied, NULL);
    fill_request(asking, ask);
    upstream_forward(fixture->order, &asking->exchange);
    pthread_mutex_lock(&asking->lock);
    while (!asking->done)
        pthread_cond_wait(&asking->replied, &asking->lock);
    pthread_mutex_unlock(&asking->lock);
    const struct http_response *response = &asking->exchange.response;
    struct answer answer = {.status = response->status};
    answer.body = strndup(response->body ? response->body : "", response->body_length);
    snprintf(answer.content_type, sizeof(answer.content_type), "%s",
        response->content_type ? response->content_type : "");
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcmp(response->headers[i].name, "Location") == 0)
            snprintf(answer.location, sizeof(answer.location), "%s", response->headers[i].value);
        if (strcmp(response->headers[i].name, "Idempotency-Replayed") == 0)
            answer.replayed = true;
    }
    json_read(answer.body, strlen(answer.body), &answer.json, NULL);
    if (response->body_release)
        response->body_release(response->body_owner);
    arena_free(asking->exchange.arena);
    pthread_mutex_destroy(&asking->lock);
    pthread_cond_destroy(&asking->replied);
    free(asking);
    return answer;
}

void answer_release(struct answer *answer)
{
    json_decref(answer->json);
    free(answer->body);
    memset(answer, 0, sizeof(*answer));
}

const json_t *answer_at(const struct answer *answer, const char *path)
{
    const json_t *value = answer->json;
    while (value && *path) {
        size_t length = strcspn(path, ".");
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)length, path);
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(name))
                                     : json_object_get(value, name);
        path += length + (path[length] == '.');
    }
    return value;
}

const char *answer_text(const struct answer *answer, const char *path)
{
    const char *text = json_string_value(answer_at(answer, path));
    return text ? text : "";
}

int64_t answer_int(const struct answer *answer, const char *path)
{
    const json_t *value = answer_at(answer, path);
    return json_is_integer(value) ? json_integer_value(value) : json_is_true(value);
}
