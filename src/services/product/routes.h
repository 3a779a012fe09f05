/* The product service's table of paths; the object its handlers get is the service. */
#ifndef PRODUCT_ROUTES_H
#define PRODUCT_ROUTES_H

#include "router.h"

extern const struct route product_routes[];

#endif
