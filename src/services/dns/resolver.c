/* SPDX-License-Identifier: Apache-2.0 */
#include "services/dns/resolver.h"

#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "services/dns/servers.h"
#include "services/dns/ub_loop.h"

enum { CLASS_IN = 1, RCODE_OK = 0, PATH_BYTES = 4096, SOCKETS_MAX = 4096 };

struct resolver {
	struct ub_loop loop;
	struct ub_ctx *ctx;
	struct forward *forward; /* NULL: all is for the library */
};

static const struct {
	const char *name, *value;
} options[] = {
	{ "module-config:", "iterator" }, /* with a trust anchor the validator, too */
	{ "msg-cache-size:", "8m" },
	{ "rrset-cache-size:", "16m" },
	{ "key-cache-size:", "2m" },
	{ "neg-cache-size:", "1m" },
	{ "infra-cache-numhosts:", "1000" },
	{ "num-queries-per-thread:", "4096" },
	/* A resolver on this machine is the common case. */
	{ "do-not-query-localhost:", "no" },
};

static bool option_set(struct resolver *r, const char *name, const char *value,
		       struct buf *why)
{
	int rc = ub_ctx_set_option(r->ctx, name, value);
	if (rc != 0) buf_fmt(why, "%s %s: %s", name, value, ub_strerror(rc));
	return rc == 0;
}

static bool number_set(struct resolver *r, const char *name, int64_t value,
		       struct buf *why)
{
	char memory[32];
	struct buf text;
	buf_init_fixed(&text, memory, sizeof memory);
	buf_fmt(&text, "%lld%c", (long long)value, '\0');
	return option_set(r, name, memory, why);
}

/* One socket a query, as far as there may be descriptors: a query that somebody is silent
 * about keeps its own for a while, and others must not wait for that. */
static int64_t sockets_max(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_max > 2 * SOCKETS_MAX)
		return SOCKETS_MAX;
	return files.rlim_max > 64 ? (int64_t)files.rlim_max / 2 : 32;
}

/* A server is tried after 1/2, 1 and 2 timeouts: 3.5, while a question may take 4. What
 * it was like is soon forgotten (infra-host-ttl). Otherwise a few queries that it is
 * silent about, because of somebody else's broken domain, make the library wait longer
 * and longer, and in the end (infra-cache-max-rtt) ask it no more about any domain. And a
 * server that mostly answers from its cache would be given 50 ms for the rest. */
static bool times_set(struct resolver *r, int64_t timeout_ms, struct buf *why)
{
	return number_set(r, "unknown-server-time-limit:", timeout_ms / 2, why) &&
	       number_set(r, "infra-cache-min-rtt:", timeout_ms / 2, why) &&
	       number_set(r, "infra-host-ttl:", timeout_ms / 1000, why) &&
	       number_set(r, "outbound-msg-retry:", 3, why);
}

static bool options_set(struct resolver *r, const struct conf_resolver *conf,
			struct buf *why)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (!option_set(r, options[i].name, options[i].value, why)) return false;
	if (!times_set(r, conf->timeout_ms, why) ||
	    !number_set(r, "outgoing-range:", sockets_max(), why))
		return false;
	return conf->trust_anchor.len == 0 ||
	       option_set(r, "module-config:", "validator iterator", why);
}

static bool failed(int rc, struct buf *why)
{
	if (rc != 0) buf_str(why, str_of(ub_strerror(rc)));
	return rc != 0;
}

static bool servers_set(struct resolver *r, const struct conf_resolver *conf,
			struct buf *why)
{
	for (size_t i = 0; i < conf->servers.count; i++) {
		char memory[80];
		struct buf text;
		buf_init_fixed(&text, memory, sizeof memory);
		ip_write(&text, conf->servers.at[i].ip);
		buf_fmt(&text, "@%u%c", conf->servers.at[i].port, '\0');
		if (failed(ub_ctx_set_fwd(r->ctx, memory), why)) return false;
	}
	return true;
}

const struct resolver_files resolver_files_system = { "/etc/resolv.conf", "/etc/hosts" };

static void system_file(int rc, const char *file, struct buf *why, struct str *path)
{
	if (failed(rc, why)) *path = str_of(file);
}

static void system_read(struct resolver *r, const struct conf_resolver *conf,
			const struct resolver_files *files, struct buf *why,
			struct str *path)
{
	/* A machine without that file asks the servers of the root itself. */
	if (conf->servers.count == 0 && access(files->resolv, F_OK) == 0)
		system_file(ub_ctx_resolvconf(r->ctx, files->resolv), files->resolv, why,
			    path);
	if (conf->hosts == CONF_YES_YES)
		system_file(ub_ctx_hosts(r->ctx, files->hosts), files->hosts, why, path);
}

static bool anchor_set(struct resolver *r, const struct conf_resolver *conf,
		       struct buf *why, struct str *path)
{
	char text[PATH_BYTES];
	if (conf->trust_anchor.len == 0) return true;
	*path = conf->trust_anchor; /* which is read with the first question */
	if (!str_to_cstr(conf->trust_anchor, text, sizeof text)) {
		buf_str(why, STR("the path is too long"));
		return false;
	}
	return !failed(ub_ctx_add_ta_file(r->ctx, text), why);
}

static void first_answer(void *arg, int rcode, void *packet, int len, int sec,
			 char *bogus, int limited)
{
	bool *answered = arg;
	(void)packet, (void)len, (void)sec, (void)bogus, (void)limited;
	*answered = rcode == RCODE_OK;
}

static void zone_serve(struct resolver *r, unsigned number, const char *parent)
{
	char memory[64];
	struct buf name;
	buf_init_fixed(&name, memory, sizeof memory);
	buf_fmt(&name, "%u.%s", number, parent);
	buf_byte(&name, '\0');
	(void)ub_ctx_zone_remove(r->ctx, memory);
}

/* Zones that the library would answer by itself, but that a site may have in its own DNS:
 * above all the names of its own machines. */
static void zones_serve(struct resolver *r)
{
	(void)ub_ctx_zone_remove(r->ctx, "test.");
	(void)ub_ctx_zone_remove(r->ctx, "home.arpa.");
	(void)ub_ctx_zone_remove(r->ctx, "10.in-addr.arpa.");
	(void)ub_ctx_zone_remove(r->ctx, "168.192.in-addr.arpa.");
	(void)ub_ctx_zone_remove(r->ctx, "d.f.ip6.arpa.");
	for (unsigned i = 16; i < 32; i++) zone_serve(r, i, "172.in-addr.arpa.");
	for (unsigned i = 64; i < 128; i++) zone_serve(r, i, "100.in-addr.arpa.");
}

/* The library reads files and makes its tables with the first question: one that it
 * answers by itself. */
static bool make_ready(struct resolver *r, struct buf *why)
{
	bool answered = false;
	int rc = ub_resolve_event(r->ctx, "localhost", DNS_A, CLASS_IN, &answered,
				  first_answer, NULL);
	if (failed(rc, why)) return false;
	if (!answered) buf_str(why, STR("the resolver library does not answer"));
	zones_serve(r);
	return answered;
}

static bool set_up(struct resolver *r, const struct conf_resolver *conf,
		   const struct resolver_files *files, struct buf *why, struct str *path)
{
	/* The library must not write what peers sent to our standard error. */
	if (failed(ub_ctx_debugout(r->ctx, NULL), why) || !options_set(r, conf, why) ||
	    !servers_set(r, conf, why))
		return false;
	system_read(r, conf, files, why, path);
	return anchor_set(r, conf, why, path) && make_ready(r, why);
}

static void forwarded(struct forward_wait *w, struct str name, enum dns_type type,
		      struct str packet);

/* What has to be validated, or may stand in the file of hosts, is the library's. Half a
 * timeout, which leaves it three and a half of the four that a question has. */
static bool forward_set(struct resolver *r, struct loop *loop, const struct conf_resolver *conf,
			const struct resolver_files *files)
{
	struct stub_server servers[STUB_SERVERS_MAX];
	uint64_t seed = 0;
	if (conf->trust_anchor.len || conf->hosts == CONF_YES_YES) return true;
	size_t count = servers_get(conf, files->resolv, servers);
	if (count == 0) return true;
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed) return false;
	r->forward = forward_new(loop, servers, count, conf->timeout_ms / 2, forwarded, seed);
	return r->forward != NULL;
}

struct resolver *resolver_new(struct loop *loop, const struct conf_resolver *conf,
			      const struct resolver_files *files, struct buf *why,
			      struct str *path)
{
	struct resolver *r = calloc(1, sizeof *r);
	*path = STR("");
	if (!r || !forward_set(r, loop, conf, files)) {
		buf_str(why, STR("no memory"));
		free(r);
		return NULL;
	}
	ub_loop_init(&r->loop, loop);
	r->ctx = ub_ctx_create_ub_event(&r->loop.base);
	if (!r->ctx) buf_str(why, STR("the resolver library cannot start"));
	if (r->ctx && set_up(r, conf, files, why, path)) return r;
	resolver_free(r);
	return NULL;
}

void resolver_free(struct resolver *r)
{
	if (!r) return;
	forward_free(r->forward);
	if (r->ctx) ub_ctx_delete(r->ctx);
	free(r);
}

/* -- Questions ----------------------------------------------------------------------- */

enum { BOGUS = 1, SECURE = 2 };

/* The library's code says whether there is a packet at all; the packet has its own. */
static enum dns_state state_of(int rcode, int sec)
{
	if (sec == BOGUS) return DNS_BOGUS;
	return rcode == RCODE_OK ? DNS_FOUND : DNS_FAILED;
}

static void answered(void *arg, int rcode, void *packet, int len, int sec, char *bogus,
		     int limited)
{
	struct resolver_query *q = arg;
	struct str bytes = { packet, len > 0 ? (size_t)len : 0 };
	enum dns_state state = state_of(rcode, sec);
	(void)bogus, (void)limited;
	if (state == DNS_FOUND && (!packet || bytes.len == 0)) state = DNS_FAILED;
	if (state != DNS_FOUND) bytes = STR("");
	q->id = 0;
	if (q->at_once) *q->at_once = true;
	q->fn(q->arg, state, sec == SECURE, bytes); /* may free q */
}

static bool library_ask(struct resolver *r, struct str name, enum dns_type type,
			struct resolver_query *q)
{
	char text[DNS_NAME_MAX + 2];
	int id = 0;
	struct buf b;
	buf_init_fixed(&b, text, sizeof text);
	buf_str(&b, name);
	buf_byte(&b, '\0');
	if (b.overflowed) return false;
	/* What is in the cache is answered at once, and then q may be gone. */
	bool at_once = false;
	q->at_once = &at_once;
	int rc = ub_resolve_event(r->ctx, text, (int)type, CLASS_IN, q, answered, &id);
	if (at_once) return true;
	q->at_once = NULL;
	if (rc == 0) q->id = id;
	return rc == 0;
}

/* The short way is at its end. */
static void forwarded(struct forward_wait *w, struct str name, enum dns_type type,
		      struct str packet)
{
	struct resolver_query *q = CONTAINER(w, struct resolver_query, wait);
	if (packet.len) q->fn(q->arg, DNS_FOUND, false, packet);
	else if (!library_ask(q->resolver, name, type, q))
		q->fn(q->arg, DNS_FAILED, false, STR(""));
}

bool resolver_ask(struct resolver *r, struct str name, enum dns_type type,
		  struct resolver_query *q)
{
	q->resolver = r;
	q->id = 0;
	q->wait.asked = NULL;
	if (r->forward && forward_ask(r->forward, name, type, &q->wait)) return true;
	return library_ask(r, name, type, q);
}

void resolver_cancel(struct resolver_query *q)
{
	forward_cancel(&q->wait);
	if (q->id == 0) return;
	(void)ub_cancel(q->resolver->ctx, q->id);
	q->id = 0;
}
