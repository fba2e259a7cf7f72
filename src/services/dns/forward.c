/* SPDX-License-Identifier: Apache-2.0 */
#include "services/dns/forward.h"

#include <stdlib.h>
#include <string.h>

/* One question under way, for all that wait for it. */
struct forward_asked {
	struct forward *all;
	uint64_t key;
	enum dns_type type;
	struct link waiting;
	struct str name;
	char memory[DNS_NAME_MAX];
};

struct forward {
	struct loop *loop; /* borrowed */
	struct stub *stub;
	forward_fn *fn;
	struct cache cache;
	struct map asked; /* by cache_key */
};

/* Names that are no matter of the DNS of others (RFC 6761 6, RFC 7686 2), or perhaps not: the
 * resolver library knows which. */
static bool is_special(struct str name)
{
	static const struct str last[] = { STR_INIT("localhost"), STR_INIT("invalid"),
					   STR_INIT("onion"), STR_INIT("arpa") };
	struct str label = name;
	if (str_find(name, '.') < 0) return true;
	while (str_find(label, '.') >= 0) (void)str_cut(&label, '.');
	for (size_t i = 0; i < sizeof last / sizeof *last; i++)
		if (str_eq_nocase(label, last[i])) return true;
	return false;
}

/* Whoever waits forgets it, too. */
static void asked_free(struct forward_asked *a)
{
	for (struct link *l; (l = list_take(&a->waiting));)
		CONTAINER(l, struct forward_wait, link)->asked = NULL;
	(void)map_take(&a->all->asked, a->key);
	free(a);
}

static void answered(void *arg, struct str packet, uint32_t keep_s)
{
	struct forward_asked *a = arg;
	struct forward *f = a->all;
	int64_t keep_ms = packet.len ? (int64_t)keep_s * 1000 : FORWARD_ODD_MS;
	(void)map_take(&f->asked, a->key); /* who asks from now on finds it in the cache */
	if (keep_ms) cache_put(&f->cache, a->name, a->type, packet, loop_now_ms(f->loop) + keep_ms);
	for (struct link *l; (l = list_take(&a->waiting));) {
		struct forward_wait *w = CONTAINER(l, struct forward_wait, link);
		w->asked = NULL;
		f->fn(w, a->name, a->type, packet);
	}
	free(a);
}

static struct forward_asked *asked_new(struct forward *f, struct str name, enum dns_type type,
				       uint64_t key)
{
	struct forward_asked *a = malloc(sizeof *a);
	if (!a) return NULL;
	*a = (struct forward_asked){ .all = f, .key = key, .type = type };
	list_init(&a->waiting);
	memcpy(a->memory, name.at, name.len);
	a->name = (struct str){ a->memory, name.len };
	if (map_put(&f->asked, key, a)) {
		if (stub_ask(f->stub, name, type, answered, a)) return a;
		(void)map_take(&f->asked, key);
	}
	free(a);
	return NULL;
}

static bool from_cache(struct forward *f, struct str name, enum dns_type type,
		       struct forward_wait *w)
{
	char memory[DNS_REPLY_MAX]; /* the cache may change meanwhile */
	struct str packet;
	if (!cache_get(&f->cache, name, type, loop_now_ms(f->loop), &packet)) return false;
	if (packet.len) memcpy(memory, packet.at, packet.len);
	f->fn(w, name, type, (struct str){ memory, packet.len });
	return true;
}

bool forward_ask(struct forward *f, struct str name, enum dns_type type,
		 struct forward_wait *w)
{
	uint64_t key = cache_key(f->cache.seed, name, type);
	w->asked = NULL;
	if (name.len > DNS_NAME_MAX || is_special(name)) return false;
	if (from_cache(f, name, type, w)) return true;
	struct forward_asked *a = map_get(&f->asked, key);
	/* Another name with the same hash. */
	if (a && (a->type != type || !str_eq_nocase(a->name, name))) return false;
	if (!a) a = asked_new(f, name, type, key);
	if (!a) return false;
	w->asked = a;
	list_add_tail(&a->waiting, &w->link);
	return true;
}

/* A question that nobody waits for goes on to its end, and fills the cache. */
void forward_cancel(struct forward_wait *w)
{
	if (!w->asked) return;
	w->asked = NULL;
	link_remove(&w->link);
}

struct forward *forward_new(struct loop *loop, const struct stub_server *servers, size_t count,
			    int64_t wait_ms, forward_fn *fn, uint64_t seed)
{
	struct forward *f = calloc(1, sizeof *f);
	if (!f) return NULL;
	f->loop = loop;
	f->fn = fn;
	cache_init(&f->cache, seed);
	map_init(&f->asked, STUB_QUESTIONS_MAX, seed);
	f->stub = stub_new(loop, servers, count, wait_ms);
	if (f->stub) return f;
	forward_free(f);
	return NULL;
}

void forward_free(struct forward *f)
{
	if (!f) return;
	size_t at = 0;
	stub_free(f->stub);
	for (struct forward_asked *a; (a = map_next(&f->asked, &at, NULL)); at = 0)
		asked_free(a);
	map_free(&f->asked);
	cache_free(&f->cache);
	free(f);
}
