/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that waits until somebody asks for it: of domains that are held (deliver
 * hold-for-etrn). It is put off with that reason, for as long as it may stay at all. Who asks
 * opens its domain for a while, and one walk over the queue brings what waits to its turn. There is
 * one walk at a time, whoever asks and how often; who comes meanwhile shares the next. */
#include "lib/mail/held.h"
#include "spool/spool.h"
#include "spool/turn.h"

#include <stdlib.h>
#include <string.h>

enum {
	NAME_MAX_LEN = 255,
	ASKS_MAX = 256,      /* that wait for the end of a walk */
	ASK_MS = 3000,       /* then they hear that it has begun */
};

static const int64_t long_ms = 366LL * 24 * 60 * 60 * 1000; /* outcome.c: no longer than mail has */

/* A domain whose mail may go. */
struct release {
	char name[NAME_MAX_LEN];
	size_t name_len;
	int64_t until_ms;
	uint64_t walk; /* the one that looks for its mail */
};

/* A client that wants to hear how much there is. */
struct ask {
	struct link link;
	unsigned worker;
	uint64_t worker_life, query, walk;
	int64_t deadline_ms;
};

/* --- domains ------------------------------------------------------------------------------- */

static uint64_t name_hash(const struct spool *s, struct str name)
{
	return hash_str_nocase(name, s->sched.seed);
}

static struct release *release_find(const struct spool *s, struct str name)
{
	struct release *r = map_get(&s->wait.open, name_hash(s, name));
	return r && str_eq_nocase((struct str){ r->name, r->name_len }, name) ? r : NULL;
}

static bool is_held(const struct spool *s, struct str name)
{
	const struct conf *conf = s->frame->conf;
	const struct conf_domain *d = conf->held_count ? conf_domain_find(conf, name) : NULL;
	return d && d->deliver.held;
}

static struct release *release_open(struct spool *s, struct str name)
{
	const struct conf_domain *d = conf_domain_find(s->frame->conf, name);
	struct release *r = release_find(s, name);
	if (!r) {
		uint64_t hash = name_hash(s, name);
		r = map_get(&s->wait.open, hash) ? NULL : calloc(1, sizeof *r);
		if (!r || !map_put(&s->wait.open, hash, r)) {
			free(r);
			return NULL;
		}
		memcpy(r->name, name.at, name.len);
		r->name_len = name.len;
	}
	r->until_ms = loop_wall_ms(s->frame->loop) + d->etrn_window_ms;
	r->walk = s->wait.walk + 1;
	return r;
}

static void sweep(struct spool *s, int64_t now_ms)
{
	for (;;) {
		size_t at = 0;
		struct release *r;
		do r = map_next(&s->wait.open, &at, NULL);
		while (r && r->until_ms > now_ms);
		if (!r) return;
		(void)map_take(&s->wait.open, name_hash(s, (struct str){ r->name, r->name_len }));
		free(r);
	}
}

/* --- recipients ------------------------------------------------------------------------------ */

bool wait_put_off(struct spool *s, struct job *job, uint32_t at, const struct route *route)
{
	struct str name = route_domain_of(route->mailbox);
	int64_t now_ms = loop_wall_ms(s->frame->loop);
	if (!is_held(s, name)) return false;
	const struct release *r = release_find(s, name);
	if (r && r->until_ms > now_ms) return false;
	outcome_fate(s, job, at, (struct fate){ .state = SPOOL_DEFERRED,
		.next_due_ms = now_ms + long_ms, .dsn = STR("4.4.1"), .route = route_name(route),
		.text = STR("Waits until the server of its domain asks for it (ETRN)") });
	return true;
}

bool wait_is_asked_for(struct spool *s, const struct route *route)
{
	const struct release *r = release_find(s, route_domain_of(route->mailbox));
	return (r && r->walk == s->wait.walk) || dial_is_asked_for(s, route);
}

/* --- who asks ---------------------------------------------------------------------------------- */

struct channel *wait_channel(const struct spool *s, unsigned worker, uint64_t life)
{
	bool there = s->workers[worker].life == life;
	return there ? frame_peer(s->frame, ROLE_RECEIVE, worker) : NULL;
}

static void answer(struct spool *s, unsigned worker, uint64_t life, const struct msg_released *m)
{
	struct channel *ch = wait_channel(s, worker, life);
	if (ch) channel_send_released(ch, m);
}

static void ask_answer(struct spool *s, struct ask *ask, unsigned result, uint64_t count)
{
	answer(s, ask->worker, ask->worker_life,
		&(struct msg_released){ ask->query, (uint8_t)result, count });
	link_remove(&ask->link);
	s->wait.ask_count--;
	free(ask);
}

static void ask_new(struct spool *s, unsigned worker, uint64_t query)
{
	struct ask *ask = s->wait.ask_count < ASKS_MAX ? calloc(1, sizeof *ask) : NULL;
	uint64_t life = s->workers[worker].life;
	if (!ask) {
		answer(s, worker, life, &(struct msg_released){ query, RELEASED_LOOKED_FOR, 0 });
		return;
	}
	ask->worker = worker;
	ask->worker_life = life;
	ask->query = query;
	ask->walk = s->wait.walk + 1;
	ask->deadline_ms = loop_now_ms(s->frame->loop) + ASK_MS;
	list_add_tail(&s->wait.asks, &ask->link);
	s->wait.ask_count++;
}

static void walk_begin(struct spool *s)
{
	if (s->wait.walking || !s->wait.due || s->draining) return;
	s->wait.walk++; /* for those that were opened since the last one began */
	s->wait.due = false;
	s->wait.walking = act_release(s);
	if (!s->wait.walking) wait_walked(s, 0, true);
}

void wait_release(struct spool *s, unsigned worker, const struct msg_release *m)
{
	size_t count = 0;
	for (struct str rest = m->domains; rest.len;) {
		struct str name = str_cut(&rest, '\n');
		/* Whatever receive says: of others nothing waits. */
		if (name.len && name.len <= NAME_MAX_LEN && is_held(s, name) && release_open(s, name))
			count++;
	}
	if (count == 0) {
		answer(s, worker, s->workers[worker].life,
			&(struct msg_released){ m->query, RELEASED_NOT_NOW, 0 });
		return;
	}
	ask_new(s, worker, m->query);
	wait_walk(s);
}

void wait_walk(struct spool *s)
{
	s->wait.due = true;
	walk_begin(s);
}

void wait_walked(struct spool *s, uint64_t count, bool failed)
{
	struct ask *first = NULL;
	bool shared = turn_shares(s);
	s->wait.walking = false;
	LIST_EACH(it, &s->wait.asks) {
		struct ask *ask = CONTAINER(it, struct ask, link);
		if (ask->walk != s->wait.walk) continue;
		shared |= first != NULL;
		first = ask;
	}
	LIST_EACH(it, &s->wait.asks) {
		struct ask *ask = CONTAINER(it, struct ask, link);
		if (ask->walk != s->wait.walk) continue;
		/* Of several it is not known whose they are. */
		if (failed) ask_answer(s, ask, RELEASED_NOT_NOW, 0);
		else ask_answer(s, ask, shared ? RELEASED_LOOKED_FOR : RELEASED_COUNTED, count);
	}
	turn_walked(s, failed);
}

void wait_tick(struct spool *s)
{
	int64_t now_ms = loop_now_ms(s->frame->loop);
	walk_begin(s);
	turn_tick(s);
	LIST_EACH(it, &s->wait.asks) {
		struct ask *ask = CONTAINER(it, struct ask, link);
		if (ask->deadline_ms <= now_ms) ask_answer(s, ask, RELEASED_LOOKED_FOR, 0);
	}
	sweep(s, loop_wall_ms(s->frame->loop));
}
