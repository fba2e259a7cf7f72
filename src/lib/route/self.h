/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are to ourselves: whether a next hop is one of our own listeners, so that mail
 * would come back. Pure. */
#ifndef IMS_ROUTE_SELF_H
#define IMS_ROUTE_SELF_H

#include "lib/conf/conf.h"

/* Borrowed. */
struct route_self {
	struct str hostname;
	const struct ip *ips; /* the machine's */
	size_t ip_count;
	const struct conf_listener *listeners;
	size_t listener_count;
};

/* The listener that serves the address on that port, where the address is ours (or
 * loopback) or stands in the listener; NULL: none does. Another server on this machine has
 * another port, or another address. */
const struct conf_listener *self_listener(const struct route_self *self, struct ip ip, uint16_t port);

/* Whether a host that gives our name when it is greeted there can only be we: on a port on
 * which servers meet (25) or that a listener of ours has. Not on loopback, and not on other ports:
 * there a content filter of this machine may well call itself as the machine is called. */
bool self_may_answer(const struct route_self *self, struct ip ip, uint16_t port);

#endif
