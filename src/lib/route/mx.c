/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/route/mx.h"

#include <assert.h>
#include <string.h>

#include "lib/route/mx_parts.h"

/* -- The question -------------------------------------------------------------------- */

static struct str mx_name(const struct mx *mx)
{
	return (struct str){ mx->name, mx->len };
}

static struct str host_name(const struct mx_host *h)
{
	return (struct str){ h->name, h->len };
}

/* In lower case: a name is the same host whoever wrote it. */
static size_t name_copy(char out[DNS_NAME_MAX], struct str name)
{
	assert(name.len <= DNS_NAME_MAX);
	for (size_t i = 0; i < name.len; i++) out[i] = ascii_lower(name.at[i]);
	return name.len;
}

static enum mx_step mx_end(struct mx *mx, enum mx_end end)
{
	mx->end = end;
	mx->count = 0;
	return MX_READY;
}

static struct mx_host *host_add(struct mx *mx, uint16_t preference, struct str name)
{
	assert(mx->count < MX_HOSTS_MAX);
	struct mx_host *h = &mx->hosts[mx->count++];
	h->preference = preference;
	h->order = 0;
	h->len = name_copy(h->name, name);
	for (size_t f = 0; f < MX_FAMILIES; f++)
		h->found[f] = (struct mx_found){ .state = DNS_LATE };
	h->alias_len = 0;
	h->dane = MX_DANE_NONE;
	h->dane_told = false;
	h->base = h->tlsa = STR("");
	return h;
}

/* "192.0.2.1", "[192.0.2.1]", "[IPv6:2001:db8::1]" (RFC 5321 4.1.3). */
static bool literal_parse(struct str name, struct ip *ip)
{
	if (name.len > 2 && name.at[0] == '[' && name.at[name.len - 1] == ']')
		name = str_sub(name, 1, name.len - 2);
	if (str_starts_nocase(name, STR("IPv6:"))) name = str_from(name, 5);
	return ip_parse(name, ip);
}

static enum mx_step literal_take(struct mx *mx, struct ip ip)
{
	char text[64];
	struct buf b;
	buf_init_fixed(&b, text, sizeof text);
	ip_write(&b, ip);
	(void)host_add(mx, 0, buf_view(&b));
	mx_take_ips(mx, 0, MX_V4, DNS_FOUND, &ip, 1);
	mx_take_ips(mx, 0, MX_V6, DNS_NO_DATA, NULL, 0);
	return MX_READY;
}

enum mx_step mx_begin(struct mx *mx, struct str name, bool by_mx, uint16_t port)
{
	struct ip ip;
	mx->len = mx->count = 0;
	mx->by_mx = by_mx;
	mx->dane = false;
	mx->secure = !by_mx;
	mx->port = port;
	mx->end = MX_END_OPEN;
	bool literal = literal_parse(name, &ip);
	if (name.len > 1 && name.at[name.len - 1] == '.') name.len--;
	if (!literal && !dns_name_is_host(name)) return mx_end(mx, MX_END_BAD_NAME);
	mx->len = name_copy(mx->name, name);
	if (literal) return literal_take(mx, ip);
	if (by_mx) return MX_ASK_MX;
	(void)host_add(mx, 0, name);
	return MX_ASK_HOSTS;
}

/* -- The MX answer ------------------------------------------------------------------- */

static bool comes_before(const struct mx_host *a, const struct mx_host *b)
{
	if (a->preference != b->preference) return a->preference < b->preference;
	return a->order < b->order;
}

/* Drops a host that stands there already with a preference that is no worse; true if so.
 * If its preference is worse it goes, and the new one comes in its place. */
static bool is_known(struct mx *mx, struct str name, uint16_t preference)
{
	for (size_t i = 0; i < mx->count; i++) {
		if (!str_eq_nocase(host_name(&mx->hosts[i]), name)) continue;
		if (mx->hosts[i].preference <= preference) return true;
		memmove(&mx->hosts[i], &mx->hosts[i + 1],
			(--mx->count - i) * sizeof mx->hosts[i]);
		return false;
	}
	return false;
}

/* Puts a host to its place; the last one falls out when there are too many. */
static void host_insert(struct mx *mx, uint16_t preference, struct str name,
			uint64_t order)
{
	struct mx_host last = { .preference = preference, .order = order };
	if (is_known(mx, name, preference)) return;
	if (mx->count == MX_HOSTS_MAX) {
		if (!comes_before(&last, &mx->hosts[MX_HOSTS_MAX - 1])) return;
		mx->count--;
	}
	struct mx_host *h = host_add(mx, preference, name);
	h->order = order;
	for (; h > mx->hosts && comes_before(h, h - 1); h--) {
		struct mx_host other = h[-1];
		h[-1] = *h;
		*h = other;
	}
}

static struct str answer_name(const struct dns_mx *answer)
{
	struct str name = { answer->name, answer->len };
	return name;
}

/* RFC 5321 5.1: what is not nearer than we are would give the mail back to us. */
static unsigned self_preference(const struct dns_mx *answers, size_t count,
				struct str hostname)
{
	unsigned nearest = UINT16_MAX + 1u;
	for (size_t i = 0; i < count; i++)
		if (answers[i].preference < nearest && hostname.len &&
		    str_eq_nocase(answer_name(&answers[i]), hostname))
			nearest = answers[i].preference;
	return nearest;
}

static enum mx_step answers_take(struct mx *mx, const struct dns_mx *answers,
				 size_t count, struct str hostname, struct rng *rng)
{
	/* RFC 7505 3: the one MX record of a domain that takes no mail. */
	if (count == 1 && str_eq(answer_name(answers), STR(".")))
		return mx_end(mx, MX_END_NULL_MX);
	unsigned nearest = self_preference(answers, count, hostname);
	for (size_t i = 0; i < count; i++) {
		struct str name = answer_name(&answers[i]);
		if (dns_name_is_host(name) && answers[i].preference < nearest)
			host_insert(mx, answers[i].preference, name, rng_next(rng));
	}
	if (mx->count) return MX_ASK_HOSTS;
	return mx_end(mx, nearest <= UINT16_MAX ? MX_END_LOOP : MX_END_NO_HOST);
}

enum mx_step mx_take_mx(struct mx *mx, enum dns_state state, const struct dns_mx *answers,
			size_t count, struct str hostname, struct rng *rng)
{
	switch (state) {
	case DNS_FOUND: return answers_take(mx, answers, count, hostname, rng);
	case DNS_NO_DATA: break;
	case DNS_NO_NAME: return mx_end(mx, MX_END_NO_DOMAIN);
	/* RFC 5321 5.1: what could not be asked is not the same as what is not there. */
	case DNS_FAILED: return mx_end(mx, MX_END_FAILED);
	case DNS_LATE: return mx_end(mx, MX_END_LATE);
	case DNS_BOGUS: return mx_end(mx, MX_END_BOGUS);
	}
	if (str_eq_nocase(mx_name(mx), hostname)) return mx_end(mx, MX_END_LOOP);
	(void)host_add(mx, 0, mx_name(mx));
	return MX_ASK_HOSTS;
}

/* -- Addresses ----------------------------------------------------------------------- */

static bool found_has(const struct mx_found *found, struct ip ip)
{
	for (size_t i = 0; i < found->count; i++)
		if (ip_eq(found->ips[i], ip)) return true;
	return false;
}

void mx_take_ips(struct mx *mx, size_t host, enum mx_family family, enum dns_state state,
		 const struct ip *ips, size_t count)
{
	assert(host < mx->count && family < MX_FAMILIES);
	struct mx_found *found = &mx->hosts[host].found[family];
	found->state = state;
	found->secure = false;
	found->count = 0;
	for (size_t i = 0; i < count && found->count < MX_ADDRESSES_MAX; i++) {
		/* 0.0.0.0 and :: reach whatever listens on this machine. */
		if (ip_is_none(ips[i]) || ip_eq(ips[i], ip_of_v4(0))) continue;
		if (!found_has(found, ips[i])) found->ips[found->count++] = ips[i];
	}
}

/* IPv6 first, then in turns, so that a family that does not work costs one attempt. */
static void addresses_mix(const struct mx_host *h, struct mx_next *next)
{
	const struct mx_found *v6 = &h->found[MX_V6], *v4 = &h->found[MX_V4];
	next->count = 0;
	for (size_t i = 0; i < MX_ADDRESSES_MAX; i++) {
		if (i < v6->count && next->count < MX_ADDRESSES_MAX)
			next->ips[next->count++] = v6->ips[i];
		if (i < v4->count && next->count < MX_ADDRESSES_MAX)
			next->ips[next->count++] = v4->ips[i];
	}
}

/* -- Ourselves ----------------------------------------------------------------------- */

static bool host_is_self(const struct mx *mx, const struct mx_host *h,
			 const struct route_self *self)
{
	for (size_t f = 0; f < MX_FAMILIES; f++)
		for (size_t i = 0; i < h->found[f].count; i++)
			if (self_listener(self, h->found[f].ips[i], mx->port)) return true;
	return false;
}

/* Leaves the hosts that are nearer than we are. */
static void self_drop(struct mx *mx, const struct route_self *self)
{
	for (size_t i = 0; i < mx->count; i++) {
		if (!host_is_self(mx, &mx->hosts[i], self)) continue;
		uint16_t own = mx->hosts[i].preference;
		while (mx->count && mx->hosts[mx->count - 1].preference >= own)
			mx->count--;
		if (mx->count == 0) mx->end = MX_END_LOOP;
		return;
	}
}

/* -- Decision ------------------------------------------------------------------------ */

static const struct {
	enum mx_result result;
	struct str dsn;
	const char *before, *after; /* the name stands between; NULL: it is not said */
} ends[MX_END_COUNT] = {
	[MX_END_OPEN] = { MX_HOSTS, STR_INIT(""), "", NULL },
	[MX_END_BAD_NAME] = { MX_NEVER, STR_INIT("5.1.2"),
			      "the address has no valid domain name", NULL },
	[MX_END_NO_DOMAIN] = { MX_NEVER, STR_INIT("5.1.2"), "domain ",
			       " does not exist" },
	[MX_END_NULL_MX] = { MX_NEVER, STR_INIT("5.1.10"), "domain ",
			     " accepts no mail (null MX)" },
	[MX_END_NO_HOST] = { MX_NEVER, STR_INIT("5.4.4"), "no MX record of ",
			     " names a host" },
	/* RFC 3463 3.5: routing loop detected */
	[MX_END_LOOP] = { MX_NEVER, STR_INIT("5.4.6"), "mail for ",
			  " loops back to this server, which does not keep it" },
	[MX_END_NO_ADDRESS] = { MX_NEVER, STR_INIT("5.4.4"), "no mail host of ",
				" has an address" },
	[MX_END_FAILED] = { MX_LATER, STR_INIT("4.4.3"), "the DNS could not answer for ",
			    "" },
	[MX_END_LATE] = { MX_LATER, STR_INIT("4.4.3"), "the DNS did not answer for ",
			  " in time" },
	[MX_END_BOGUS] = { MX_LATER, STR_INIT("4.4.3"), "the DNS answer for ",
			   " is bogus: its DNSSEC signatures do not fit" },
};

void mx_verdict_set(struct mx_verdict *v, enum mx_end end, struct str subject)
{
	v->result = ends[end].result;
	v->dsn = ends[end].dsn;
	buf_init_fixed(&v->text, v->memory, sizeof v->memory);
	buf_str(&v->text, str_of(ends[end].before));
	if (!ends[end].after) return;
	buf_str(&v->text, subject);
	buf_str(&v->text, str_of(ends[end].after));
}

/* Nobody has an address: for ever, or did somebody not answer? */
static enum mx_end end_without_addresses(const struct mx *mx, struct str *subject)
{
	for (size_t i = 0; i < mx->count; i++) {
		for (size_t f = 0; f < MX_FAMILIES; f++) {
			*subject = host_name(&mx->hosts[i]);
			switch (mx->hosts[i].found[f].state) {
			case DNS_FAILED: return MX_END_FAILED;
			case DNS_LATE: return MX_END_LATE;
			case DNS_BOGUS: return MX_END_BOGUS;
			case DNS_FOUND:
			case DNS_NO_DATA:
			case DNS_NO_NAME: break;
			}
		}
	}
	*subject = mx_name(mx);
	return MX_END_NO_ADDRESS;
}

void mx_decide(struct mx *mx, const struct route_self *self, struct mx_verdict *verdict,
	       struct mx_list *list)
{
	struct str subject = mx_name(mx);
	list->count = 0;
	if (mx->end == MX_END_OPEN) self_drop(mx, self);
	for (size_t i = 0; mx->end == MX_END_OPEN && i < mx->count; i++) {
		struct mx_next *next = &list->hosts[list->count];
		addresses_mix(&mx->hosts[i], next);
		if (next->count == 0) continue;
		next->preference = mx->hosts[i].preference;
		next->name = host_name(&mx->hosts[i]);
		next->secure = mx->by_mx && mx->secure;
		mx_dane_tell(mx, i, next);
		list->count++;
	}
	enum mx_end end = mx->end;
	if (end == MX_END_OPEN && list->count == 0)
		end = end_without_addresses(mx, &subject);
	mx_verdict_set(verdict, end, subject);
}
