/* What the files of the gateway share. */
#ifndef GATEWAY_INTERNAL_H
#define GATEWAY_INTERNAL_H

#include "buffer.h"
#include "gateway.h"
#include "secure.h"
#include "sessions.h"

#include <pthread.h>
#include <strings.h>

struct limits;
struct assets;

/* Kinds of traffic: each has a limit of its own per client, and its own figures. */
enum traffic {
    TRAFFIC_PAGE,
    TRAFFIC_READ,
    TRAFFIC_WRITE,
    TRAFFIC_SIGN_IN,
    TRAFFIC_OPERATE,
    TRAFFIC_KINDS
};

struct target {
    enum traffic traffic;
    bool identity;             /* who asks matters */
    bool cart;                 /* goes by whose cart it is: the guest's is merged first */
    bool welcoming;            /* a bearer token that is unknown counts as none */
    struct upstream *upstream; /* where it goes, or NULL: */
    void (*handler)(struct gateway *, struct exchange *); /* what answers here */
};

/* What the gateway knows of one exchange; `exchange->carrier` while it has it. */
struct flow {
    struct gateway *gateway;
    struct target target;
    const struct carrier_ops *below; /* the carrier's own operations */
    const char *token;               /* the session's, as presented; NULL: none */
    bool bearer;                     /* the token came in Authorization */
    bool guest_cookie;               /* a valid guest cookie came */
    bool guest_made, guest_spent;    /* set, or clear, the guest cookie with the answer */
    const char *page_security;       /* the Content-Security-Policy of a page, or NULL */
    /* One more look at the answer, or NULL. True: it has more to do and replies again itself. */
    bool (*before_reply)(struct exchange *exchange);
};

struct gateway {
    struct gateway_options options;
    struct arena *arena; /* the options' texts */
    const char *host;    /* the public URL's host and port */
    bool secure;         /* https: cookies are Secure */
    struct sessions *sessions;
    struct limits *limits;
    struct assets *assets;
    char openapi_etag[SECURE_SHA256_HEX_SIZE];
    struct counter *requests[TRAFFIC_KINDS][6];
    struct histogram *durations[TRAFFIC_KINDS];
};

static inline struct flow *flow_of(struct exchange *exchange)
{
    return exchange->carrier;
}

/* routing.c: what is to be done with this path. */
void route(struct gateway *gateway, struct exchange *exchange, struct target *target);
/* Hands the exchange to its target. */
void proceed(struct exchange *exchange);

/* identity.c: finds out who asks, then proceeds, or replies. */
void identify(struct exchange *exchange);
/* For POST and DELETE /session and DELETE /me: cookies and cache follow the answer. */
bool session_before_reply(struct exchange *exchange);
bool session_end_before_reply(struct exchange *exchange);
/* Cookies that go with the answer. */
void add_cookies(struct exchange *exchange);
/* Replies 403 and returns false when another site's page sent this. */
bool same_origin(struct exchange *exchange);

/* limits.c: token buckets per client address. Takes one token; 0, or seconds until there is one. */
struct limits *limits_new(void);
void limits_free(struct limits *limits);
int limits_take(struct limits *limits, enum traffic traffic, const char *client);
/* The client's address, through trusted proxies. */
const char *client_of(struct gateway *gateway, struct exchange *exchange);

/* assets.c: the web bundle, in memory. */
struct asset {
    const char *path; /* "/assets/index-abc.js" */
    const char *type;
    char etag[20];
    bool immutable;
    struct encoded {
        char *data;
        size_t length;
    } plain, gzip, brotli;
};
int assets_load(struct assets **out, const char *root, struct error *error);
void assets_free(struct assets *assets);
const struct asset *assets_find(const struct assets *assets, const char *path);
void assets_reply(struct exchange *exchange, const struct asset *asset);

/* pages.c, page_content.c */
void page_home(struct gateway *gateway, struct exchange *exchange);
void page_list(struct gateway *gateway, struct exchange *exchange);
void page_wine(struct gateway *gateway, struct exchange *exchange);
void page_shell(struct gateway *gateway, struct exchange *exchange);
void page_office(struct gateway *gateway, struct exchange *exchange);
void page_asset(struct gateway *gateway, struct exchange *exchange);
void page_missing(struct gateway *gateway, struct exchange *exchange);
void page_media(struct gateway *gateway, struct exchange *exchange);
void page_robots(struct gateway *gateway, struct exchange *exchange);
void page_sitemap(struct gateway *gateway, struct exchange *exchange);

/* What a page is filled with; every buffer holds finished HTML. */
struct page {
    struct buffer head, content, data;
};
void page_release(struct page *page);
void content_home(const struct gateway *gateway, struct page *page);
void content_list(const struct gateway *gateway, const struct http_request *request,
    const json_t *list, const char *raw, struct page *page);
void content_wine(
    const struct gateway *gateway, const json_t *wine, const char *raw, struct page *page);
void content_title(const struct gateway *gateway, const char *title, struct page *page);

/* operate.c */
void operate_health(struct gateway *gateway, struct exchange *exchange);
void operate_ready(struct gateway *gateway, struct exchange *exchange);
void operate_metrics(struct gateway *gateway, struct exchange *exchange);
void operate_openapi(struct gateway *gateway, struct exchange *exchange);

/* export.c, queues.c */
void export_me(struct gateway *gateway, struct exchange *exchange);
void queues_route(struct gateway *gateway, struct exchange *exchange);

/* joined.c: the same question to several services at once; `finish` runs once, when all have
 * answered, with status and body (in the exchange's arena) of each. */
struct joined {
    struct exchange *exchange;
    size_t count;
    struct joined_part {
        const char *name;
        struct upstream *upstream;
        int status;
        const char *body;
        struct joined *all;
    } parts[8];
    _Atomic int open;
    pthread_mutex_t lock; /* of the arena while answers come in */
    void (*finish)(struct joined *joined);
};
struct joined *joined_new(struct exchange *exchange, void (*finish)(struct joined *joined));
void joined_add(struct joined *joined, const char *name, struct upstream *upstream);
void joined_ask(struct joined *joined, const char *path);

#endif
