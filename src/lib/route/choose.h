/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the routes that match equally well, but for their cost, a recipient takes by what is known
 * of their hosts: the cheapest, as long as it is not dead. Pure; the caller knows the hosts. */
#ifndef IMS_ROUTE_CHOOSE_H
#define IMS_ROUTE_CHOOSE_H

#include "lib/route/route.h"

enum route_state {
	ROUTE_UP,   /* it can be tried */
	ROUTE_DOWN, /* its hosts do not answer */
	ROUTE_SHUT, /* nobody wants it to be tried now: suspended, no window, a file is missing */
};
typedef enum route_state route_state_fn(void *arg, const struct route *route);

/* The cheapest, unless it is down: then the next dearer one that is up. Where none is, the cheapest
 * again, so that mail waits for that. One that is shut makes its mail wait, and stands in for no
 * other. ask->dearer is not looked at. */
struct route route_choose(const struct conf *conf, const struct route_ask *ask, route_state_fn *state,
			  void *arg);

/* The next of those that are up and dearer than the one with that many cheaper ones before it; false:
 * there is none. */
bool route_choose_dearer(const struct conf *conf, const struct route_ask *ask, unsigned than,
			 route_state_fn *state, void *arg, struct route *route);

#endif
