/* SPDX-License-Identifier: Apache-2.0 */
#include "services/http/sts.h"

#include <stdlib.h>
#include <string.h>

struct waiter {
	struct link link;
	struct channel *ch;
	uint64_t query;
};

static int64_t now_of(const struct sts *s) { return loop_wall_ms(s->loop); }

static struct str name_of(const struct sts_domain *d) { return str_of(d->name); }

/* --- domains ------------------------------------------------------------------------------ */

static void waiters_free(struct sts_domain *d)
{
	for (struct link *l; (l = list_take(&d->waiting)); d->all->waiters--)
		free(CONTAINER(l, struct waiter, link));
}

static void domain_free(struct sts_domain *d)
{
	struct sts *s = d->all;
	names_forget(s->names, d);
	web_forget(s->web, d);
	waiters_free(d);
	link_remove(&d->link);
	(void)map_take(&s->domains, hash_str(name_of(d), s->seed));
	free(d->text);
	free(d);
}

/* The policy ends; the domain is known as one without. */
static void policy_end(struct sts_domain *d)
{
	sts_store_drop(d);
	free(d->text);
	d->text = NULL;
	d->text_len = 0;
	d->id[0] = '\0';
	d->looked_ms = 0;
	link_remove(&d->link);
	list_add_tail(&d->all->plain, &d->link);
}

/* One whose question is under way stays. */
static bool room_from(struct link *list)
{
	LIST_EACH(l, list)
	{
		struct sts_domain *d = CONTAINER(l, struct sts_domain, link);
		if (d->busy) continue;
		if (d->text) sts_store_drop(d);
		domain_free(d);
		return true;
	}
	return false;
}

static bool room_make(struct sts *s)
{
	return s->domains.count < STS_DOMAINS_MAX || room_from(&s->plain) || room_from(&s->kept);
}

static struct str lower_of(struct str name, char lower[DNS_NAME_MAX + 1])
{
	for (size_t i = 0; i < name.len; i++) lower[i] = ascii_lower(name.at[i]);
	return (struct str){ lower, name.len };
}

/* NULL: it is not known. */
static struct sts_domain *domain_find(const struct sts *s, struct str name)
{
	char lower[DNS_NAME_MAX + 1];
	if (!dns_name_is_host(name)) return NULL;
	name = lower_of(name, lower);
	struct sts_domain *d = map_get(&s->domains, hash_str(name, s->seed));
	return d && str_eq(name_of(d), name) ? d : NULL;
}

struct sts_domain *sts_domain_get(struct sts *s, struct str name)
{
	char lower[DNS_NAME_MAX + 1];
	if (!dns_name_is_host(name)) return NULL;
	name = lower_of(name, lower);
	uint64_t hash = hash_str(name, s->seed);
	struct sts_domain *d = map_get(&s->domains, hash);
	if (d) return str_eq(name_of(d), name) ? d : NULL;
	d = room_make(s) ? calloc(1, sizeof *d) : NULL;
	if (!d || !map_put(&s->domains, hash, d)) {
		free(d);
		return NULL;
	}
	d->all = s;
	(void)str_to_cstr(name, d->name, sizeof d->name);
	list_init(&d->waiting);
	list_add_tail(&s->plain, &d->link);
	return d;
}

bool sts_domain_set(struct sts_domain *d, struct str policy, struct str id, int64_t until_ms)
{
	char *text = malloc(policy.len);
	if (!text) return false;
	memcpy(text, policy.at, policy.len);
	free(d->text);
	d->text = text;
	d->text_len = policy.len;
	d->until_ms = until_ms;
	(void)str_to_cstr(id, d->id, sizeof d->id);
	link_remove(&d->link);
	list_add_tail(&d->all->kept, &d->link);
	return true;
}

/* --- answers ------------------------------------------------------------------------------ */

static void answer(const struct sts_domain *d, struct channel *ch, uint64_t query)
{
	channel_send_sts(ch, &(struct msg_sts){
		.query = query,
		.failure = (uint8_t)(d->text ? TRANSPORT_GOOD : d->failure),
		.policy = { d->text, d->text_len } });
}

/* The look at the domain is over; `why` says what stood in the way of a policy. */
static void look_end(struct sts_domain *d, enum transport_failure failure)
{
	d->busy = d->fresh = false;
	d->looked_ms = now_of(d->all);
	d->failure = failure;
	for (struct link *l; (l = list_take(&d->waiting)); d->all->waiters--) {
		struct waiter *w = CONTAINER(l, struct waiter, link);
		answer(d, w->ch, w->query);
		free(w);
	}
}

static void tell(const struct sts_domain *d, unsigned event, struct str reason)
{
	struct event_log *log = d->all->log;
	event_begin(log, event, 0, 0);
	event_str(log, FIELD_domain, name_of(d));
	event_str(log, event == EVENT_sts_policy ? FIELD_reason : FIELD_error, reason);
	event_end(log);
}

static void fail(struct sts_domain *d, enum transport_failure failure, struct str why)
{
	tell(d, EVENT_sts_error, why);
	look_end(d, failure);
}

/* --- a policy comes ----------------------------------------------------------------------- */

static int64_t until_of(const struct sts_domain *d, const struct mtasts_policy *policy)
{
	int64_t keep_ms = (int64_t)policy->max_age_s * 1000;
	return now_of(d->all) + (keep_ms < STS_KEEP_MIN_MS ? STS_KEEP_MIN_MS : keep_ms);
}

/* RFC 8461 3.3: nothing but plain text, or users of the web server could write policies. */
static bool is_plain(struct str type)
{
	return str_eq_nocase(str_trim(str_cut(&type, ';')), STR("text/plain"));
}

static void policy_take(struct sts_domain *d, const struct mtasts_policy *policy)
{
	struct buf text;
	buf_init(&text, MTASTS_TEXT_MAX);
	mtasts_policy_write(&text, policy);
	bool same = d->text && str_eq(buf_view(&text), (struct str){ d->text, d->text_len });
	if (sts_domain_set(d, buf_view(&text), str_of(d->next_id), until_of(d, policy))) {
		d->fetched_ms = now_of(d->all);
		d->used = !list_empty(&d->waiting);
		int rc = sts_store_put(d);
		if (rc != 0) tell(d, EVENT_sts_error, str_of(strerror(-rc)));
		static const char *const modes[] = { "none", "testing", "enforce" };
		if (!same) tell(d, EVENT_sts_policy, str_of(modes[policy->mode]));
	}
	buf_free(&text);
	look_end(d, TRANSPORT_GOOD);
}

static void fetched(void *arg, const struct fetched *result)
{
	struct sts_domain *d = arg;
	struct mtasts_policy policy;
	if (result->untrusted) fail(d, TRANSPORT_STS_WEBPKI_INVALID, result->why);
	else if (result->why.len) fail(d, TRANSPORT_STS_FETCH_ERROR, result->why);
	else if (!is_plain(result->type))
		fail(d, TRANSPORT_STS_POLICY_INVALID, STR("the policy is not text/plain"));
	else if (!mtasts_policy_parse(result->text, &policy))
		fail(d, TRANSPORT_STS_POLICY_INVALID, STR("the policy is not valid"));
	else policy_take(d, &policy);
}

static void fetch(struct sts_domain *d, struct str id)
{
	char memory[DNS_NAME_MAX + 64];
	struct buf url;
	(void)str_to_cstr(id, d->next_id, sizeof d->next_id);
	buf_init_fixed(&url, memory, sizeof memory);
	buf_fmt(&url, "https://mta-sts.%s/.well-known/mta-sts.txt", d->name);
	struct fetch what = { .url = buf_view(&url), .ca = d->all->ca };
	if (!web_ask_for_stranger(d->all->web, &what, d->all->near, fetched, d))
		fail(d, TRANSPORT_STS_FETCH_ERROR, STR("the web server cannot be asked now"));
}

/* --- a look at the DNS -------------------------------------------------------------------- */

/* RFC 8461 3.3 and 5.1: without a record, or without an answer, what was promised stays. */
static void announced(void *arg, enum dns_state state, struct str records)
{
	struct sts_domain *d = arg;
	struct str id;
	bool found = state == DNS_FOUND && mtasts_record_find(records, &id);
	bool same = found && d->text && !d->fresh && str_eq(id, str_of(d->id));
	if (found && !same) {
		fetch(d, id);
		return;
	}
	look_end(d, TRANSPORT_GOOD);
	/* What could not be told is asked again by the next message. */
	if (state == DNS_FAILED || state == DNS_LATE || state == DNS_BOGUS) d->looked_ms = 0;
}

static void look(struct sts_domain *d)
{
	char memory[DNS_NAME_MAX + 16];
	struct buf name;
	buf_init_fixed(&name, memory, sizeof memory);
	buf_fmt(&name, "_mta-sts.%s", d->name);
	d->busy = true;
	if (!names_ask(d->all->names, buf_view(&name), DNS_TXT, announced, d))
		announced(d, DNS_FAILED, STR(""));
}

/* --- questions ---------------------------------------------------------------------------- */

static bool wait_for(struct sts_domain *d, struct channel *ch, uint64_t query)
{
	struct sts *s = d->all;
	struct waiter *w = s->waiters < STS_WAITERS_MAX ? malloc(sizeof *w) : NULL;
	if (!w) return false;
	*w = (struct waiter){ .ch = ch, .query = query };
	list_add_tail(&d->waiting, &w->link);
	s->waiters++;
	return true;
}

/* A clock that was set back makes everything new again. */
static bool is_older(int64_t then_ms, int64_t now_ms, int64_t age_ms)
{
	return then_ms > now_ms || now_ms - then_ms >= age_ms;
}

void sts_ask(struct sts *s, struct channel *ch, const struct msg_sts_want *m)
{
	static const struct sts_domain unknown;
	struct sts_domain *d = sts_domain_get(s, m->domain);
	if (!d) {
		answer(&unknown, ch, m->query);
		return;
	}
	int64_t now_ms = now_of(s);
	if (d->text && now_ms >= d->until_ms) policy_end(d);
	d->used = true;
	link_remove(&d->link);
	list_add_tail(d->text ? &s->kept : &s->plain, &d->link);
	bool known = d->looked_ms && !is_older(d->looked_ms, now_ms, STS_LOOK_MS);
	if ((known && !d->busy) || !wait_for(d, ch, m->query)) {
		answer(d, ch, m->query);
		return;
	}
	if (!d->busy) look(d);
}

void sts_tell(struct sts *s, struct channel *ch, const struct msg_sts_look *m)
{
	static const struct sts_domain unknown;
	const struct sts_domain *d = domain_find(s, m->domain);
	if (!d) d = &unknown;
	bool counts = d->text && now_of(s) < d->until_ms;
	channel_send_sts_known(ch, &(struct msg_sts_known){ .query = m->query,
		.failure = (uint8_t)(counts ? TRANSPORT_GOOD : d->failure),
		.policy = { counts ? d->text : "", counts ? d->text_len : 0 },
		.fetched_ms = counts ? (uint64_t)d->fetched_ms : 0, .until_ms = counts ? (uint64_t)d->until_ms : 0,
		.looked_ms = (uint64_t)d->looked_ms });
}

void sts_forget(struct sts *s, const struct channel *ch)
{
	size_t at = 0;
	for (struct sts_domain *d; (d = map_next(&s->domains, &at, NULL));) {
		LIST_EACH(l, &d->waiting)
		{
			struct waiter *w = CONTAINER(l, struct waiter, link);
			if (w->ch != ch) continue;
			link_remove(&w->link);
			s->waiters--;
			free(w);
		}
	}
}

/* --- once in a while ---------------------------------------------------------------------- */

static bool is_due(const struct sts_domain *d, int64_t now_ms)
{
	int64_t half_ms = (d->until_ms - d->fetched_ms) / 2;
	int64_t age_ms = half_ms < STS_AGE_MS ? half_ms : STS_AGE_MS;
	return d->used && !d->busy && is_older(d->fetched_ms, now_ms, age_ms) &&
	       is_older(d->looked_ms, now_ms, STS_LOOK_MS);
}

void sts_round(void *arg)
{
	struct sts *s = arg;
	int64_t now_ms = now_of(s);
	size_t asked = 0;
	LIST_EACH(l, &s->kept)
	{
		struct sts_domain *d = CONTAINER(l, struct sts_domain, link);
		if (!d->busy && now_ms >= d->until_ms) {
			policy_end(d);
		} else if (asked < STS_ROUND_MAX && is_due(d, now_ms)) {
			asked++;
			d->fresh = true;
			look(d);
		}
	}
	loop_timer_set(s->round, STS_ROUND_MS);
}

bool sts_init(struct sts *s)
{
	map_init(&s->domains, STS_DOMAINS_MAX, s->seed);
	list_init(&s->kept);
	list_init(&s->plain);
	s->waiters = 0;
	s->round = loop_timer_new(s->loop, sts_round, s);
	if (!s->round) return false;
	loop_timer_set(s->round, STS_ROUND_MS);
	return true;
}

void sts_free(struct sts *s)
{
	size_t at = 0;
	struct sts_domain *d;
	while (at = 0, d = map_next(&s->domains, &at, NULL)) domain_free(d);
	map_free(&s->domains);
	loop_timer_free(s->round);
	s->round = NULL;
}
