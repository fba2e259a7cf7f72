/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/transport/results.h"

#include <string.h>

#include "lib/smtp/address.h"

enum { DOMAIN_MAX = 253, IP_OCTETS = 16 };

void results_init(struct results *r, int64_t begin_ms, int64_t end_ms, uint64_t seed)
{
	*r = (struct results){ .begin_ms = begin_ms, .end_ms = end_ms, .seed = seed };
	arena_init(&r->arena, RESULTS_MEMORY_MAX);
	map_init(&r->map, RESULTS_DOMAINS_MAX, seed);
}

void results_free(struct results *r)
{
	arena_free(&r->arena);
	map_free(&r->map);
	results_init(r, r->begin_ms, r->end_ms, r->seed);
}

/* --- domains ----------------------------------------------------------------------------- */

/* As it stands in the DNS; false: nobody could publish where reports go. */
static bool name_of(struct str domain, char memory[DOMAIN_MAX], struct str *name)
{
	if (domain.len > DOMAIN_MAX || !smtp_domain_is_valid(domain)) return false;
	for (size_t i = 0; i < domain.len; i++) {
		if (!ascii_is_print(domain.at[i])) return false;
		memory[i] = ascii_lower(domain.at[i]);
	}
	*name = (struct str){ memory, domain.len };
	return true;
}

/* Its place, or the free one where it belongs. */
static struct result_domain *find(const struct results *r, struct str name, uint64_t *place)
{
	struct result_domain *d;
	*place = hash_str(name, r->seed);
	for (; (d = map_get(&r->map, *place)); ++*place)
		if (str_eq(d->name, name)) return d;
	return NULL;
}

struct result_domain *results_find(const struct results *r, struct str domain)
{
	char memory[DOMAIN_MAX];
	struct str name;
	uint64_t place;
	return name_of(domain, memory, &name) ? find(r, name, &place) : NULL;
}

static struct result_domain *domain_get(struct results *r, struct str domain)
{
	char memory[DOMAIN_MAX];
	struct str name;
	uint64_t place;
	if (!name_of(domain, memory, &name)) return NULL;
	struct result_domain *d = find(r, name, &place);
	if (d || r->count == RESULTS_DOMAINS_MAX) return d;
	d = arena_alloc(&r->arena, sizeof *d);
	if (d) d->name = arena_str(&r->arena, name);
	if (!d || !d->name.at || !map_put(&r->map, place, d)) return NULL;
	if (r->last) r->last->next = d;
	else r->first = d;
	r->last = d;
	r->count++;
	return d;
}

/* --- policies and failures ----------------------------------------------------------------- */

/* Whole lines only. */
static struct str lines_of(struct str lines)
{
	if (lines.len <= RESULTS_LINES_MAX) return lines;
	lines = str_sub(lines, 0, RESULTS_LINES_MAX);
	return str_sub(lines, 0, (size_t)(str_rfind(lines, '\n') + 1));
}

static struct result_policy *policy_get(struct results *r, struct result_domain *d,
					enum transport_policy policy, struct str lines)
{
	struct result_policy **at = &d->policies, *p;
	for (; (p = *at); at = &p->next)
		if (p->policy == policy && str_eq(p->lines, lines)) return p;
	if (d->policy_count == RESULTS_POLICIES_MAX) return NULL;
	p = arena_alloc(&r->arena, sizeof *p);
	struct str kept = arena_str(&r->arena, lines);
	if (!p || (lines.len && !kept.at)) return NULL;
	p->policy = policy;
	p->lines = kept;
	*at = p;
	d->policy_count++;
	return p;
}

static struct result_failure *failure_get(struct results *r, struct result_policy *p,
					  const struct result *one)
{
	struct result_failure **at = &p->failures, *f;
	struct str mx = str_sub(one->mx, 0, DOMAIN_MAX);
	for (; (f = *at); at = &f->next)
		if (f->failure == one->failure && ip_eq(f->own, one->own) &&
		    ip_eq(f->peer, one->peer) && str_eq_nocase(f->mx, mx))
			return f;
	if (p->failure_count == RESULTS_FAILURES_MAX) return NULL;
	f = arena_alloc(&r->arena, sizeof *f);
	struct str kept = arena_str(&r->arena, mx);
	if (!f || (mx.len && !kept.at)) return NULL;
	*f = (struct result_failure){ .mx = kept, .own = one->own, .peer = one->peer,
				      .failure = one->failure };
	*at = f;
	p->failure_count++;
	return f;
}

bool results_add(struct results *r, const struct result *one)
{
	struct result_domain *d = domain_get(r, one->domain);
	struct result_policy *p = d ? policy_get(r, d, one->policy, lines_of(one->lines)) : NULL;
	if (!p) {
		r->lost++;
		return false;
	}
	if (one->failure == TRANSPORT_GOOD) {
		p->good++;
		return true;
	}
	struct result_failure *f = failure_get(r, p, one);
	p->bad++;
	if (f) f->count++;
	return true;
}

/* --- the record ---------------------------------------------------------------------------- */

static void put_failure(struct buf *out, const struct result_failure *f)
{
	buf_put_u8(out, (uint8_t)f->failure);
	buf_bytes(out, f->own.octets, IP_OCTETS);
	buf_bytes(out, f->peer.octets, IP_OCTETS);
	buf_put_str(out, f->mx);
	buf_put_u64(out, f->count);
}

static void put_policy(struct buf *out, const struct result_policy *p)
{
	buf_put_u8(out, (uint8_t)p->policy);
	buf_put_str(out, p->lines);
	buf_put_u64(out, p->good);
	buf_put_u64(out, p->bad);
	buf_put_u16(out, (uint16_t)p->failure_count);
	for (const struct result_failure *f = p->failures; f; f = f->next) put_failure(out, f);
}

void results_write(const struct results *r, struct buf *out)
{
	buf_put_u64(out, (uint64_t)r->begin_ms);
	buf_put_u64(out, (uint64_t)r->end_ms);
	buf_put_u64(out, r->lost);
	buf_put_u32(out, (uint32_t)r->count);
	for (const struct result_domain *d = r->first; d; d = d->next) {
		buf_put_str(out, d->name);
		buf_put_u8(out, d->sent);
		buf_put_u8(out, d->done);
		buf_put_u8(out, (uint8_t)d->policy_count);
		for (const struct result_policy *p = d->policies; p; p = p->next) put_policy(out, p);
	}
}

static struct ip get_ip(struct cur *c)
{
	struct ip ip = { .octets = { 0 } };
	struct str bytes = cur_bytes(c, IP_OCTETS);
	if (bytes.len == IP_OCTETS) memcpy(ip.octets, bytes.at, IP_OCTETS);
	return ip;
}

static bool get_failure(struct results *r, struct result_policy *p, struct cur *c)
{
	unsigned failure = cur_u8(c);
	struct result one = { .own = get_ip(c) };
	one.peer = get_ip(c);
	one.mx = cur_str(c);
	uint64_t count = cur_u64(c);
	if (c->bad || failure == TRANSPORT_GOOD || failure >= TRANSPORT_FAILURES) return false;
	one.failure = (enum transport_failure)failure;
	struct result_failure *f = failure_get(r, p, &one);
	if (f) f->count += count;
	return f != NULL;
}

static bool get_policy(struct results *r, struct result_domain *d, struct cur *c)
{
	unsigned policy = cur_u8(c);
	struct str lines = cur_str(c);
	if (c->bad || policy >= TRANSPORT_POLICIES || lines.len > RESULTS_LINES_MAX) return false;
	struct result_policy *p = policy_get(r, d, (enum transport_policy)policy, lines);
	if (!p) return false;
	p->good += cur_u64(c);
	p->bad += cur_u64(c);
	for (unsigned left = cur_u16(c); left > 0; left--)
		if (!get_failure(r, p, c)) return false;
	return !c->bad;
}

static bool get_domain(struct results *r, struct cur *c)
{
	struct str name = cur_str(c);
	struct result_domain *d = c->bad ? NULL : domain_get(r, name);
	if (!d) return false;
	d->sent = cur_u8(c);
	d->done = cur_u8(c) != 0;
	for (unsigned left = cur_u8(c); left > 0; left--)
		if (!get_policy(r, d, c)) return false;
	return !c->bad;
}

bool results_read(struct results *r, struct cur *c)
{
	/* Nobody's clock says more, and sums of two stay in range. */
	static const uint64_t time_max = 253402300799999;
	uint64_t begin = cur_u64(c), end = cur_u64(c), lost = cur_u64(c);
	bool good = begin <= end && end <= time_max;
	for (uint32_t left = cur_u32(c); good && left > 0; left--) good = get_domain(r, c);
	if (!good || c->bad) {
		results_free(r);
		return false;
	}
	r->begin_ms = (int64_t)begin;
	r->end_ms = (int64_t)end;
	r->lost = lost;
	return true;
}
