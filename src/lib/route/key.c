/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/map.h"
#include "lib/route/route.h"

enum {
	SMTP_PORT = 25,
	TARGETS_MAX = 8,
	HASH_SEED = 0x2c7,
	HASH_LEN = 17, /* '#' and 16 digits */
	/* More than the longest list of LMTP targets, or the longest address, needs. */
	WHOLE_MAX = 2560,
};

static void route_lower(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) buf_byte(out, ascii_lower(text.at[i]));
}

/* Paths mean what they are; hosts know no case. */
static void route_target(struct buf *out, const struct conf_hop *hop)
{
	if (!hop->port) {
		buf_str(out, hop->host);
		return;
	}
	bool v6 = str_find(hop->host, ':') >= 0;
	if (v6) buf_byte(out, '[');
	route_lower(out, hop->host);
	if (v6) buf_byte(out, ']');
	buf_byte(out, ':');
	buf_u64(out, hop->port);
}

static void route_lmtp_key(struct buf *out, const struct conf_hops *targets)
{
	buf_str(out, STR("lmtp:"));
	for (size_t i = 0; i < targets->count; i++) {
		if (i) buf_byte(out, ',');
		route_target(out, &targets->at[i]);
	}
}

static void route_mx_key(struct buf *out, const struct route *route)
{
	buf_str(out, STR("mx:"));
	route_lower(out, route_domain_of(route->mailbox));
	if (route->via->port != SMTP_PORT) {
		buf_byte(out, ':');
		buf_i64(out, route->via->port);
	}
	/* Others' mail to the domain goes by another route, which may encrypt another way. */
	if (!conf_route_is_narrowed(route->via) && !route->dearer) return;
	buf_byte(out, '/');
	buf_str(out, route->via->name);
}

void route_key(struct buf *out, const struct route *route)
{
	char text[WHOLE_MAX];
	struct buf whole;
	uint64_t seed = HASH_SEED;
	buf_init_fixed(&whole, text, sizeof text);
	switch (route->kind) {
	case ROUTE_MAILBOX: buf_str(&whole, STR("mailbox")); break;
	case ROUTE_LMTP: route_lmtp_key(&whole, &route->domain->deliver.lmtp); break;
	case ROUTE_VIA:
		buf_str(&whole, STR("route:"));
		buf_str(&whole, route->via->name);
		break;
	case ROUTE_MX:
		route_mx_key(&whole, route);
		seed = hash_str_nocase(route_domain_of(route->mailbox), HASH_SEED);
		break;
	case ROUTE_NONE: buf_str(&whole, STR("none")); break;
	}
	struct str key = buf_view(&whole);
	bool cut = key.len > ROUTE_KEY_MAX || whole.overflowed;
	buf_str(out, cut ? str_sub(key, 0, ROUTE_KEY_MAX - HASH_LEN) : key);
	if (!cut) return;
	buf_byte(out, '#');
	buf_hex64(out, hash_str(key, seed));
}

struct str route_name(const struct route *route)
{
	switch (route->kind) {
	case ROUTE_MAILBOX: return STR("mailbox");
	case ROUTE_LMTP: return STR("lmtp");
	case ROUTE_VIA:
	case ROUTE_MX: return route->via->name;
	case ROUTE_NONE: break;
	}
	return STR("-");
}
