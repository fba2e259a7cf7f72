/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/route/self.h"

enum { SMTP_PORT = 25 };

/* `own`: the address is one of the machine's. */
static bool listener_serves(const struct conf_listener *l, struct ip ip, uint16_t port, bool own)
{
	for (size_t i = 0; i < l->addresses.count; i++) {
		const struct conf_address *a = &l->addresses.at[i];
		if (a->port != port) continue;
		if (ip_eq(a->ip, ip)) return true;
		if (own && (ip_is_v4(ip) ? ip_eq(a->ip, ip_of_v4(0)) : ip_is_none(a->ip)))
			return true;
	}
	return false;
}

const struct conf_listener *self_listener(const struct route_self *self, struct ip ip, uint16_t port)
{
	bool own = ip_is_loopback(ip);
	for (size_t i = 0; i < self->ip_count && !own; i++) own = ip_eq(self->ips[i], ip);
	for (size_t i = 0; i < self->listener_count; i++)
		if (listener_serves(&self->listeners[i], ip, port, own)) return &self->listeners[i];
	return NULL;
}

bool self_may_answer(const struct route_self *self, struct ip ip, uint16_t port)
{
	if (ip_is_loopback(ip)) return false;
	if (port == SMTP_PORT) return true;
	for (size_t i = 0; i < self->listener_count; i++)
		for (size_t k = 0; k < self->listeners[i].addresses.count; k++)
			if (self->listeners[i].addresses.at[k].port == port) return true;
	return false;
}
