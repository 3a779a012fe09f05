/*
 * A load generator for the store: one thread, epoll, keep-alive connections to loopback.
 *
 *   load --port P --clients N --seconds S --paths FILE          GET each line in turn
 *        [--tokens FILE] [--rate R]                             (as these shoppers)
 *   load --port P --clients N --seconds S --checkout            whole checkouts (see below)
 *        --wines FILE --tokens FILE [--rate R]
 *
 * A checkout is: put a bottle into the cart, order with a fresh key, wait until it is confirmed;
 * its time is from the first byte sent to the last received. Each client has a session of its own,
 * made beforehand. Without --rate the loop is closed: a client begins anew when it is done. With it
 * the loop is open: R a second arrive whether or not earlier ones are done, and time counts from
 * the arrival.
 *
 * Prints one line of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CLIENTS 4096
#define BUFFER (256 * 1024)

enum step { STEP_IDLE, STEP_GET, STEP_CART, STEP_ORDER, STEP_WAIT };

struct client {
    int fd;
    enum step step;
    int64_t began_ns;
    size_t next; /* line to send next */
    char *in;
    size_t filled, need; /* need: whole length of the answer, 0 while unknown */
    char order[64];
    uint64_t serial;
    int64_t step_ns; /* when the step's request was sent */
    const char *token;
};

struct lines {
    char *text;
    char **items;
    size_t count;
};

static struct {
    int port, clients;
    double seconds, rate;
    bool checkout;
    struct lines paths, wines, tokens;
} options;

static struct {
    int64_t *times;
    size_t count, capacity;
    uint64_t bytes, errors, refused, late;
    char first_error[512];
    /* Of checkouts: what each step took, all together. */
    int64_t cart_ns, order_ns, wait_ns;
} results;

static struct client clients[MAX_CLIENTS];
static struct sockaddr_in target;
static int poller;
static uint64_t run_id;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct lines read_lines(const char *path)
{
    struct lines lines = {0};
    FILE *file = fopen(path, "r");
    if (!file)
        die(path);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    lines.text = calloc(1, (size_t)size + 1);
    if (fread(lines.text, 1, (size_t)size, file) != (size_t)size)
        die(path);
    fclose(file);
    size_t capacity = 0;
    for (char *line = strtok(lines.text, "\n"); line; line = strtok(NULL, "\n")) {
        if (lines.count == capacity) {
            capacity = capacity ? capacity * 2 : 1024;
            lines.items = realloc(lines.items, capacity * sizeof(char *));
        }
        lines.items[lines.count++] = line;
    }
    if (!lines.count) {
        fprintf(stderr, "load: %s is empty\n", path);
        exit(1);
    }
    return lines;
}

static void connect_client(struct client *client)
{
    int on = 1;
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&target, sizeof(target)) < 0)
        die("connect");
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, client->fd, &event) < 0)
        die("epoll");
}

static void record(int64_t ns)
{
    if (results.count == results.capacity) {
        results.capacity = results.capacity ? results.capacity * 2 : 65536;
        results.times = realloc(results.times, results.capacity * sizeof(int64_t));
    }
    results.times[results.count++] = ns;
}

static void note_error(const char *what, const char *answer)
{
    results.errors++;
    if (!results.first_error[0])
        snprintf(results.first_error, sizeof(results.first_error), "%s: %.400s", what, answer);
}

/* ---- sending ---- */

static void send_request(struct client *client, const char *text, size_t length)
{
    client->filled = client->need = 0;
    client->step_ns = now_ns();
    if (send(client->fd, text, length, MSG_NOSIGNAL) != (ssize_t)length)
        die("send");
}

static void send_get(struct client *client)
{
    char text[4096];
    const char *path = options.paths.items[client->next];
    client->next = (client->next + 1) % options.paths.count;
    client->step = STEP_GET;
    int length =
        client->token
            ? snprintf(text, sizeof(text),
                  "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", path,
                  client->token)
            : snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    send_request(client, text, (size_t)length);
}

static void send_cart(struct client *client)
{
    char text[1024];
    const char *wine = options.wines.items[client->next];
    client->next = (client->next + 7) % options.wines.count;
    client->step = STEP_CART;
    int length = snprintf(text, sizeof(text),
        "PUT /api/v1/cart/items/%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
        "Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"quantity\":1}",
        wine, client->token);
    send_request(client, text, (size_t)length);
}

static void send_order(struct client *client)
{
    static const char body[] =
        "{\"shipping_address\":{\"name\":\"Ada Moreau\",\"line1\":\"1 Ferry "
        "Building\",\"line2\":\"\","
        "\"city\":\"San "
        "Francisco\",\"region\":\"CA\",\"postal_code\":\"94111\",\"country\":\"US\"},"
        "\"payment\":{\"method\":\"test\",\"token\":\"ok\"}}";
    char text[2048];
    client->step = STEP_ORDER;
    int length = snprintf(text, sizeof(text),
        "POST /api/v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
        "Idempotency-Key: %016llx-%zu-%llu\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        client->token, (unsigned long long)run_id, (size_t)(client - clients),
        (unsigned long long)client->serial++, sizeof(body) - 1, body);
    send_request(client, text, (size_t)length);
}

static void send_wait(struct client *client)
{
    char text[1024];
    client->step = STEP_WAIT;
    int length = snprintf(text, sizeof(text),
        "GET /api/v1/orders/%s?wait=20 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
        "%s\r\n\r\n",
        client->order, client->token);
    send_request(client, text, (size_t)length);
}

static void begin(struct client *client, int64_t at_ns)
{
    client->began_ns = at_ns;
    if (options.checkout)
        send_cart(client);
    else
        send_get(client);
}

/* ---- receiving ---- */

/* The length of head and body, once the head is whole. */
static size_t answer_length(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    if (!end)
        return 0;
    const char *length = strcasestr(text, "\r\ncontent-length:");
    size_t head = (size_t)(end - text) + 4;
    return head + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

/* The new order's id: the value of the first "id" member. */
static bool take_order(struct client *client)
{
    const char *body = strstr(client->in, "\r\n\r\n");
    const char *id = body ? strstr(body, "\"id\":\"") : NULL;
    if (!id)
        return false;
    snprintf(client->order, sizeof(client->order), "%.26s", id + 6);
    return true;
}

/* True when the client has finished what it began. */
static bool answered(struct client *client)
{
    int status = atoi(client->in + 9);
    results.bytes += client->need;
    switch (client->step) {
    case STEP_CART:
        results.cart_ns += now_ns() - client->step_ns;
        if (status != 200)
            note_error("cart", client->in);
        send_order(client);
        return false;
    case STEP_ORDER:
        results.order_ns += now_ns() - client->step_ns;
        if (status != 201 || !take_order(client)) {
            note_error("order", client->in);
            return true;
        }
        send_wait(client);
        return false;
    case STEP_WAIT:
        results.wait_ns += now_ns() - client->step_ns;
        if (status != 200)
            note_error("wait", client->in);
        else if (!strstr(client->in, "\"status\":\"confirmed\""))
            results.refused++;
        break;
    default:
        if (status != 200)
            note_error("get", client->in);
    }
    record(now_ns() - client->began_ns);
    return true;
}

/* 1 when the client is idle again. */
static int receive(struct client *client)
{
    ssize_t got =
        recv(client->fd, client->in + client->filled, BUFFER - 1 - client->filled, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0) {
        note_error("connection", got < 0 ? strerror(errno) : "closed");
        close(client->fd);
        connect_client(client);
        return 1;
    }
    client->filled += (size_t)got;
    client->in[client->filled] = '\0';
    if (!client->need)
        client->need = answer_length(client->in);
    if (client->need && client->filled >= client->need)
        return answered(client);
    return 0;
}

/* ---- loops ---- */

static void run_closed(int64_t until_ns)
{
    struct epoll_event events[256];
    int busy = options.clients;
    for (int i = 0; i < options.clients; i++)
        begin(&clients[i], now_ns());
    while (busy) {
        int count = epoll_wait(poller, events, 256, 1000);
        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;
            if (client->step == STEP_IDLE || !receive(client))
                continue;
            int64_t now = now_ns();
            if (now < until_ns) {
                begin(client, now);
            } else {
                client->step = STEP_IDLE;
                busy--;
            }
        }
        if (now_ns() > until_ns + 30000000000)
            break;
    }
}

static void run_open(int64_t start_ns, int64_t until_ns)
{
    struct epoll_event events[256];
    static int idle[MAX_CLIENTS];
    int idle_count = 0;
    for (int i = options.clients - 1; i >= 0; i--)
        idle[idle_count++] = i;
    double gap = 1e9 / options.rate, due = (double)start_ns;
    while (due < (double)until_ns || idle_count < options.clients) {
        int64_t now = now_ns();
        while (due <= (double)now && due < (double)until_ns && idle_count) {
            begin(&clients[idle[--idle_count]], (int64_t)due);
            due += gap;
        }
        if (due <= (double)now && due < (double)until_ns)
            results.late++;
        int64_t wait = due < (double)until_ns ? ((int64_t)due - now_ns()) / 1000000 : 100;
        int count = epoll_wait(poller, events, 256, wait < 0 ? 0 : (int)wait);
        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;
            if (client->step != STEP_IDLE && receive(client)) {
                client->step = STEP_IDLE;
                idle[idle_count++] = (int)(client - clients);
            }
        }
        if (now_ns() > until_ns + 30000000000)
            break;
    }
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double percentile(double part)
{
    if (!results.count)
        return 0;
    return (double)results.times[(size_t)((double)(results.count - 1) * part)] / 1e6;
}

static double mean(int64_t ns)
{
    return results.count ? (double)ns / (double)results.count / 1e6 : 0;
}

static void report(double seconds)
{
    qsort(results.times, results.count, sizeof(int64_t), compare);
    for (char *c = results.first_error; *c; c++) {
        if (*c == '"' || *c == '\\' || (unsigned char)*c < 0x20)
            *c = ' ';
    }
    printf("{\"count\":%zu,\"seconds\":%.3f,\"per_second\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
           "\"max_ms\":%.3f,\"bytes\":%llu,\"errors\":%llu,\"refused\":%llu,\"late\":%llu,"
           "\"cart_ms\":%.3f,\"order_ms\":%.3f,\"wait_ms\":%.3f,\"first_error\":\"%s\"}\n",
        results.count, seconds, (double)results.count / seconds, percentile(0.5), percentile(0.99),
        percentile(1), (unsigned long long)results.bytes, (unsigned long long)results.errors,
        (unsigned long long)results.refused, (unsigned long long)results.late,
        mean(results.cart_ns), mean(results.order_ns), mean(results.wait_ns), results.first_error);
}

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {{"port", 1, NULL, 'p'}, {"clients", 1, NULL, 'c'},
        {"seconds", 1, NULL, 's'}, {"paths", 1, NULL, 'g'}, {"checkout", 0, NULL, 'o'},
        {"wines", 1, NULL, 'w'}, {"tokens", 1, NULL, 't'}, {"rate", 1, NULL, 'r'}, {0}};
    int option;
    options.clients = 1;
    options.seconds = 5;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case 'p':
            options.port = atoi(optarg);
            break;
        case 'c':
            options.clients = atoi(optarg);
            break;
        case 's':
            options.seconds = atof(optarg);
            break;
        case 'g':
            options.paths = read_lines(optarg);
            break;
        case 'o':
            options.checkout = true;
            break;
        case 'w':
            options.wines = read_lines(optarg);
            break;
        case 't':
            options.tokens = read_lines(optarg);
            break;
        case 'r':
            options.rate = atof(optarg);
            break;
        default:
            exit(2);
        }
    }
    bool complete =
        options.checkout ? options.wines.count && options.tokens.count : options.paths.count > 0;
    if (!complete || options.port < 1 || options.clients < 1 || options.clients > MAX_CLIENTS) {
        fprintf(stderr, "load: --port, --clients and --paths, or --checkout --wines --tokens\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    if (getrandom(&run_id, sizeof(run_id), 0) != sizeof(run_id))
        die("getrandom");
    target.sin_family = AF_INET;
    target.sin_port = htons((uint16_t)options.port);
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    poller = epoll_create1(0);
    size_t lines = options.checkout ? options.wines.count : options.paths.count;
    for (int i = 0; i < options.clients; i++) {
        clients[i].in = malloc(BUFFER);
        clients[i].next = (size_t)i * 7919 % lines;
        if (options.tokens.count)
            clients[i].token = options.tokens.items[(size_t)i % options.tokens.count];
        connect_client(&clients[i]);
    }
    int64_t start = now_ns(), until = start + (int64_t)(options.seconds * 1e9);
    if (options.rate > 0)
        run_open(start, until);
    else
        run_closed(until);
    report((double)(now_ns() - start) / 1e9);
    return 0;
}
