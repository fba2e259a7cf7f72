/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/rate.h"

#include <string.h>

#include "lib/base/map.h"
#include "lib/smtp/address.h"

enum { CLIENT_V6 = 64, V4 = 32, V6 = 128, MAPPED = 96 };

const char *rate_what_word(enum rate_what what)
{
	static const char *const words[] = { "connections", "messages", "recipients" };
	return what < RATE_WHATS ? words[what] : "";
}

const struct conf_rate_value *rate_limit_of(const struct conf_rate *r, enum rate_what what)
{
	switch (what) {
	case RATE_CONNECTIONS: return &r->connections;
	case RATE_MESSAGES: return &r->messages;
	case RATE_RECIPIENTS:
	case RATE_WHATS: break;
	}
	return &r->recipients;
}

static bool listener_is_in(const struct facts *f, const struct conf_matches *names)
{
	for (size_t i = 0; i < names->count; i++)
		if (str_eq(names->at[i], f->listener->name)) return true;
	return false;
}

/* --- who is counted ---------------------------------------------------------------------- */

/* The address without the bits behind the prefix. */
static uint64_t network_hash(struct ip ip, unsigned v4, unsigned v6, uint64_t seed)
{
	unsigned bits = ip_is_v4(ip) ? MAPPED + v4 : v6;
	for (unsigned i = 0; i < sizeof ip.octets; i++) {
		unsigned left = bits > i * 8 ? bits - i * 8 : 0;
		if (left < 8) ip.octets[i] &= (uint8_t)(0xff00u >> left);
	}
	return ip_hash(ip, seed);
}

static uint64_t key_not_zero(uint64_t key) { return key ? key : 1; }

/* False: the rule counts nobody here. */
static bool subject_hash(const struct facts *f, const struct conf_rate *r, uint64_t seed,
			 uint64_t *hash)
{
	struct str local, domain;
	bool network = r->of == CONF_RATE_OF_NETWORK;
	switch (r->of) {
	case CONF_RATE_OF_CLIENT:
	case CONF_RATE_OF_NETWORK:
		*hash = f->authenticated ? hash_str_nocase(f->user, seed)
			: network_hash(f->client, network ? r->prefix.v4 : V4,
				       network ? r->prefix.v6 : CLIENT_V6, seed);
		return true;
	case CONF_RATE_OF_USER:
		*hash = hash_str_nocase(f->user, seed);
		return f->authenticated;
	case CONF_RATE_OF_LISTENER:
		*hash = hash_str(f->listener->name, seed);
		return true;
	case CONF_RATE_OF_SENDER_DOMAIN: break;
	}
	smtp_address_split(f->sender, &local, &domain);
	*hash = hash_str_nocase(domain, seed);
	return domain.len > 0;
}

/* The name of the block is in it, so a reload that changes a limit keeps the counts. */
static bool rate_key(const struct facts *f, uint64_t seed, const struct conf_rate *r,
		     enum rate_what what, uint64_t *key)
{
	if (!rate_limit_of(r, what)->count) return false;
	if (r->listeners.count && !listener_is_in(f, &r->listeners)) return false;
	if (conf_network_find(&r->except, f->client)) return false;
	if (!subject_hash(f, r, seed + (uint64_t)r->of, key)) return false;
	*key = key_not_zero(hash_u64(*key + (uint64_t)what, hash_str(r->name, seed)));
	return true;
}

bool policy_rate_look(const struct facts *f, struct tally *t, const struct conf_rate *r,
		      enum rate_what what, struct rate_clock clock, struct bucket_state *out)
{
	uint64_t key;
	const struct conf_rate_value *value = rate_limit_of(r, what);
	struct bucket_limit limit = { value->count, value->every_ms };
	if (!t || !rate_key(f, f->seed, r, what, &key)) return false;
	*out = bucket_look(&t->buckets, key, &limit, clock.now_ms);
	return true;
}

/* --- what follows ------------------------------------------------------------------------ */

static int64_t seconds_of(int64_t ms) { return (ms + 999) / 1000; }

static void duration_write(struct buf *out, int64_t ms)
{
	static const struct { int64_t ms; const char *word; } units[] = {
		{ 86400000, "day" }, { 3600000, "hour" }, { 60000, "minute" }, { 1000, "second" },
	};
	size_t i = 0;
	while (i < 3 && ms % units[i].ms) i++;
	int64_t n = ms / units[i].ms;
	if (n == 1) buf_fmt(out, "%s", units[i].word);
	else buf_fmt(out, "%lld %ss", (long long)n, units[i].word);
}

/* "Too many recipients from your address (100 in an hour); come again in 36 seconds" */
static void rate_text(struct buf *text, const struct facts *f, const struct conf_rate *r,
		      enum rate_what what, int64_t wait_ms)
{
	static const char *const whose[] = {
		[CONF_RATE_OF_CLIENT] = "from your address", [CONF_RATE_OF_NETWORK] = "from your network",
		[CONF_RATE_OF_USER] = "from you", [CONF_RATE_OF_LISTENER] = "to this address of the server",
		[CONF_RATE_OF_SENDER_DOMAIN] = "from that sender's domain",
	};
	const struct conf_rate_value *limit = rate_limit_of(r, what);
	bool user = f->authenticated && r->of <= CONF_RATE_OF_USER;
	buf_fmt(text, "Too many %s %s (%lld per ", rate_what_word(what),
		user ? "from you" : whose[r->of], (long long)limit->count);
	duration_write(text, limit->every_ms);
	buf_fmt(text, "); come again in %lld seconds", (long long)seconds_of(wait_ms));
}

static struct verdict rate_verdict(const struct facts *f, const struct conf_rate *r,
				   enum rate_what what, int64_t wait_ms, struct buf *text)
{
	buf_reset(text);
	if (r->action == CONF_RATE_HOLD && what != RATE_CONNECTIONS) {
		buf_fmt(text, "rate %.*s: more than %lld %s per ", STR_ARG(r->name),
			(long long)rate_limit_of(r, what)->count, rate_what_word(what));
		duration_write(text, rate_limit_of(r, what)->every_ms);
		struct verdict v = verdict_hold(buf_view(text), &r->origin);
		v.class = VERDICT_RATE;
		return v;
	}
	rate_text(text, f, r, what, wait_ms);
	if (what == RATE_CONNECTIONS) return verdict_rule(421, "4.7.0", buf_view(text), &r->origin);
	if (r->action == CONF_RATE_REJECT)
		return verdict_rule(550, "5.7.1", buf_view(text), &r->origin);
	return verdict_rule(450, "4.7.1", buf_view(text), &r->origin);
}

struct verdict policy_rate(const struct facts *f, struct tally *t, enum rate_what what,
			   struct rate_clock clock, struct buf *text)
{
	const struct conf_rate *rates = f->conf->rates, *held = NULL;
	struct bucket_state state;
	/* First all are looked at: what one refuses is not counted by another. */
	for (size_t i = 0; i < f->conf->rate_count; i++) {
		if (!policy_rate_look(f, t, &rates[i], what, clock, &state) || !state.wait_ms)
			continue;
		if (rates[i].action != CONF_RATE_HOLD || what == RATE_CONNECTIONS)
			return rate_verdict(f, &rates[i], what, state.wait_ms, text);
		if (!held) held = &rates[i];
	}
	for (size_t i = 0; t && i < f->conf->rate_count; i++) {
		uint64_t key;
		const struct conf_rate_value *value = rate_limit_of(&rates[i], what);
		struct bucket_limit limit = { value->count, value->every_ms };
		if (rate_key(f, f->seed, &rates[i], what, &key))
			(void)bucket_take(&t->buckets, key, &limit, clock.now_ms);
	}
	return held ? rate_verdict(f, held, what, 0, text) : verdict_accept();
}

/* --- baseline ---------------------------------------------------------------------------- */

static bool baseline_key(const struct facts *f, const struct tally *t, uint64_t *key,
			 struct baseline_limits *limits)
{
	const struct conf_baseline *b = &f->conf->baseline;
	if (!t || !b->enabled || !f->authenticated || policy_user_is_in(f->user, &b->except)) return false;
	/* Averages of other windows mean nothing. */
	*key = key_not_zero(hash_str_nocase(f->user, slots_read(&t->seed) + (uint64_t)b->window_ms));
	*limits = (struct baseline_limits){ b->factor, b->floor, b->window_ms, b->learn_ms };
	return true;
}

bool policy_baseline_look(const struct facts *f, struct tally *t, struct rate_clock clock,
			  struct baseline_state *out)
{
	uint64_t key;
	struct baseline_limits limits;
	if (!baseline_key(f, t, &key, &limits)) return false;
	*out = baseline_look(&t->baselines, key, &limits, clock.wall_ms);
	return true;
}

struct verdict policy_baseline(const struct facts *f, struct tally *t, struct rate_clock clock,
			       struct buf *text, bool *tell)
{
	uint64_t key;
	struct baseline_limits limits;
	const struct conf_baseline *b = &f->conf->baseline;
	bool hold = b->action == CONF_BASELINE_HOLD;
	*tell = false;
	if (!baseline_key(f, t, &key, &limits)) return verdict_accept();
	struct baseline_state s = baseline_count(&t->baselines, key, &limits, hold, clock.wall_ms);
	if (!s.over || hold) tally_changed(t);
	if (!s.over) return verdict_accept();
	*tell = true;
	buf_reset(text);
	buf_fmt(text, hold ? "baseline: %llu recipients in this " : "Too many recipients from you (%llu in this ",
		(unsigned long long)s.count);
	duration_write(text, b->window_ms);
	buf_fmt(text, ", usually %llu", (unsigned long long)s.usual);
	struct verdict v;
	if (hold) {
		v = verdict_hold(buf_view(text), &b->enabled_from);
	} else {
		int64_t wait_ms = b->window_ms - clock.wall_ms % b->window_ms;
		buf_fmt(text, "); come again in %lld seconds, or ask the postmaster",
			(long long)seconds_of(wait_ms));
		v = verdict_rule(450, "4.7.1", buf_view(text), &b->enabled_from);
	}
	v.class = VERDICT_BASELINE;
	return v;
}

/* --- greylist ---------------------------------------------------------------------------- */

/* Who has a right to send that not everybody has is not asked, nor who writes to the postmaster. */
static bool grey_keys(const struct facts *f, const struct tally *t, struct str recipient,
		      uint64_t *network, uint64_t *triplet)
{
	const struct conf_greylist *g = &f->conf->greylist;
	struct str local, domain;
	if (!t || !g->enabled || policy_right(f)) return false;
	smtp_address_split(recipient, &local, &domain);
	if (policy_is_for_postmaster(f->conf, local, domain)) return false;
	if (g->listeners.count && !listener_is_in(f, &g->listeners)) return false;
	if (conf_network_find(&g->except, f->client) || policy_is_welcome(f)) return false;
	uint64_t seed = slots_read(&t->seed);
	uint64_t hash = network_hash(f->client, g->prefix.v4, g->prefix.v6, seed);
	*network = key_not_zero(hash);
	hash = hash_u64(hash ^ hash_str_nocase(f->sender, seed + 1), seed);
	*triplet = key_not_zero(hash_u64(hash ^ hash_str_nocase(recipient, seed + 2), seed));
	return true;
}

static struct grey_limits grey_limits_of(const struct conf_greylist *g)
{
	return (struct grey_limits){ g->delay_ms / 1000, g->keep_ms / 1000, g->known };
}

bool policy_grey_look(const struct facts *f, struct tally *t, struct str recipient,
		      struct rate_clock clock, struct grey_state *out, bool *seen)
{
	uint64_t network, triplet;
	struct grey_limits limits = grey_limits_of(&f->conf->greylist);
	if (!grey_keys(f, t, recipient, &network, &triplet)) return false;
	*out = grey_look(&t->grey, network, triplet, &limits, clock.wall_ms / 1000, seen);
	return true;
}

struct verdict policy_grey(const struct facts *f, struct tally *t, struct str recipient,
			   struct rate_clock clock, struct buf *text, int64_t *again_ms)
{
	uint64_t network, triplet;
	struct grey_limits limits = grey_limits_of(&f->conf->greylist);
	*again_ms = -1;
	if (!grey_keys(f, t, recipient, &network, &triplet)) return verdict_accept();
	struct grey_state s = grey_ask(&t->grey, network, triplet, &limits, clock.wall_ms / 1000);
	if (s.changed) tally_changed(t);
	if (s.answer == GREY_AGAIN) *again_ms = s.waited_s * 1000;
	if (s.answer != GREY_WAITS) return verdict_accept();
	buf_reset(text);
	buf_fmt(text, "Your server is not known here yet; come again in %lld seconds",
		(long long)s.wait_s);
	return verdict_rule(451, "4.7.1", buf_view(text), &f->conf->greylist.enabled_from);
}
