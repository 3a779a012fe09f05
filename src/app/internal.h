/* What the files of the wiring share. */
#ifndef APP_INTERNAL_H
#define APP_INTERNAL_H

#include "app.h"
#include "data_dir.h"
#include "engines.h"
#include "gateway.h"
#include "image/image_service.h"
#include "notification/notification.h"
#include "order/order.h"
#include "order_processor/order_processor.h"
#include "product/product.h"
#include "recommendation/recommendation.h"
#include "server.h"
#include "stream_consumer/stream_consumer.h"
#include "user/user.h"

struct app {
    const struct config *config;
    struct app_options options;
    struct data_dir data;
    struct engines engines;
    bool engines_open, relay_running, product_running;
    struct {
        struct upstream *product, *user, *order, *recommendation, *notification;
    } upstreams;
    struct product_service *product;
    struct user_service *user;
    struct order_service *order;
    struct order_processor *processor;
    struct notification_service *notification;
    struct image_service *image;
    struct aws_credentials *credentials; /* these three are NULL without a scorer outside */
    struct http_client *client;
    struct outside *scorer;
    struct recommendation_service *recommendation;
    struct stream_consumer *consumer;
    struct gateway *gateway;
    int listener; /* until the server has it; else -1 */
    struct http_server *server;
    struct control *control;
    char public_url[512];
    char admin_email[256];
    char admin_password[USER_PASSWORD_TEXT_SIZE];
};

/* app_services.c: from engines to services, and back. */
int services_open(struct app *app, struct error *error);
int services_start(struct app *app, struct error *error);
void services_stop(struct app *app);
void services_close(struct app *app);

/* The catalogue of the demo, into an empty store. */
int demo_fill(struct app *app, struct error *error);

extern const char openapi_document[]; /* generated from api/openapi.yaml */

#endif
