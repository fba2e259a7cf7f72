/* SPDX-License-Identifier: Apache-2.0 */
/* What mx.c and mx_dane.c share. */
#ifndef IMS_ROUTE_MX_PARTS_H
#define IMS_ROUTE_MX_PARTS_H

#include "lib/route/mx.h"

/* What the decision says of the host's TLSA records. */
void mx_dane_tell(const struct mx *mx, size_t host, struct mx_next *next);

#endif
