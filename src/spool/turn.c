/* SPDX-License-Identifier: Apache-2.0 */
/* On-Demand Mail Relay (RFC 2645): a client has logged in and fetches the mail of domains that are
 * held for it, over the connection that it has made. It is a destination of its own, with one
 * connection and without a route; it lives from ATRN until nothing waits any more, or until the
 * connection is gone. Then what is left is put off again, as held. */
#include "spool/pacing.h"
#include "spool/turn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/mail/held.h"
#include "lib/mail/job.h"
#include "lib/policy/facts.h"

enum {
	ASK_MS = 20 * 1000,     /* then it goes, whatever has been found so far */
	END_MS = 60 * 1000,     /* for deliver to say that the connection has ended */
	QUIET_TICKS = 2,        /* seconds without anything to send */
	PLACES = 2,             /* one is being sent, the next is there */
	DOMAINS_MAX = 64 * 1024,
	HOST_MAX = 64,
	KEY_MAX = 40,
};

/* No name of a route has such letters. */
#define ROUTE STR("(atrn)")
#define KEY_BEGIN STR("turn:")

enum turn_state {
	TURN_WALKING, /* its mail is being looked for; who asked waits */
	TURN_OPEN,
	TURN_ENDING,  /* nothing goes to it any more */
};

struct turn {
	struct link link;
	enum turn_state state;
	char key[KEY_MAX], host[HOST_MAX];
	size_t key_len, host_len;
	uint16_t port;
	bool tls;
	unsigned worker; /* of deliver */
	unsigned asker;  /* of receive */
	uint64_t asker_life, query;
	uint64_t walk, found; /* recipients */
	int64_t deadline_ms;
	unsigned quiet;
	struct buf domains; /* in lower case, each with a line end */
};

static struct str key_of(const struct turn *t) { return (struct str){ t->key, t->key_len }; }

static bool may_be_fetched(const struct spool *s, struct str name)
{
	const struct conf_domain *d = conf_domain_find(s->frame->conf, name);
	return d && d->deliver.held && d->atrn_user.count > 0;
}

/* Nearly all mail is for domains that nobody fetches: their lists are not looked through. */
static struct turn *turn_of_domain(const struct spool *s, struct str name)
{
	if (list_empty(&s->turns) || !may_be_fetched(s, name)) return NULL;
	LIST_EACH(it, &s->turns) {
		struct turn *t = CONTAINER(it, struct turn, link);
		if (t->state != TURN_ENDING && policy_domain_is_in(buf_view(&t->domains), name)) return t;
	}
	return NULL;
}

static struct turn *turn_of_key(const struct spool *s, struct str key)
{
	if (!str_starts(key, KEY_BEGIN)) return NULL;
	LIST_EACH(it, &s->turns) {
		struct turn *t = CONTAINER(it, struct turn, link);
		if (str_eq(key_of(t), key)) return t;
	}
	return NULL;
}

/* --- its end ------------------------------------------------------------------------------------- */

static bool is_for(struct spool *s, const struct part *part, const void *arg)
{
	(void)s;
	return str_eq(part->dest->key, key_of(arg));
}

static void line_end(const struct spool *s, const struct turn *t)
{
	struct channel *ch = frame_peer(s->frame, ROLE_DELIVER, t->worker);
	if (ch) channel_send_line_end(ch, &(struct msg_line_end){ .key = key_of(t) });
}

/* What stands in its line is put off again, since the turn is not found any more. */
static void turn_free(struct spool *s, struct turn *t)
{
	link_remove(&t->link);
	s->turn_count--;
	jobs_place_anew_if(s, is_for, t);
	buf_free(&t->domains);
	free(t);
}

static void answer(struct spool *s, unsigned worker, uint64_t life, const struct msg_turned *m)
{
	struct channel *ch = wait_channel(s, worker, life);
	if (ch) channel_send_turned(ch, m);
}

/* Who still waits for the answer hears that it cannot be now. */
static void turn_lost(struct spool *s, struct turn *t)
{
	if (t->state == TURN_WALKING)
		answer(s, t->asker, t->asker_life, &(struct msg_turned){ t->query, TURNED_NOT_NOW, 0 });
	turn_free(s, t);
}

void turn_gone(struct spool *s, unsigned worker, struct str key)
{
	struct turn *t = turn_of_key(s, key);
	if (t && t->worker == worker) turn_lost(s, t);
}

void turn_worker_down(struct spool *s, unsigned worker)
{
	LIST_EACH(it, &s->turns) {
		struct turn *t = CONTAINER(it, struct turn, link);
		if (t->worker == worker) turn_lost(s, t);
	}
}

/* --- recipients -------------------------------------------------------------------------------- */

/* What demands TLS does not go in the clear: it waits, as held. */
static struct turn *turn_for(const struct spool *s, const struct job *job, const struct route *route)
{
	struct str name = route_domain_of(route->mailbox);
	struct turn *t = turn_of_domain(s, name);
	if (!t) return NULL;
	return job->tls_wish == MAIL_TLS_REQUIRED && !t->tls ? NULL : t;
}

struct sched_dest *turn_dest(struct spool *s, const struct job *job, const struct route *route)
{
	const struct turn *t = turn_for(s, job, route);
	struct sched_dest *d = t ? sched_dest(&s->sched, key_of(t), ROUTE, PLACES, false) : NULL;
	if (d) pacing_one(d);
	return d;
}

bool turn_is_asked_for(struct spool *s, const struct route *route, struct str address)
{
	struct turn *t = turn_of_domain(s, route_domain_of(route->mailbox));
	struct sched_dest *stopped;
	if (!t || t->walk != s->wait.walk || suspend_dest(s, route, address, &stopped))
		return false;
	t->found++;
	return true;
}

bool turn_is_key(struct str key) { return str_starts(key, KEY_BEGIN); }

bool turn_worker(const struct spool *s, struct str key, unsigned *worker)
{
	const struct turn *t = turn_of_key(s, key);
	if (t) *worker = t->worker;
	return t != NULL;
}

bool turn_target_put(const struct spool *s, struct str key, struct buf *out)
{
	const struct turn *t = turn_of_key(s, key);
	struct job_target to = { .kind = JOB_TO_HOSTS, .hop_count = 1 };
	if (!t) return false;
	to.hops[0] = (struct job_hop){ .host = { t->host, t->host_len }, .port = t->port };
	job_target_put(out, &to);
	return true;
}

/* --- who asks ---------------------------------------------------------------------------------- */

static bool has_work(struct spool *s, const struct turn *t)
{
	const struct sched_dest *d = sched_find(&s->sched, key_of(t));
	return d && (d->waiting || d->in_flight || sched_has_skipped(d));
}

static void turn_answer(struct spool *s, struct turn *t, unsigned result)
{
	bool there = wait_channel(s, t->asker, t->asker_life) != NULL;
	answer(s, t->asker, t->asker_life, &(struct msg_turned){ t->query, (uint8_t)result, t->found });
	if (result == TURNED_GOES && there) {
		t->state = TURN_OPEN;
		t->quiet = 0;
		return;
	}
	line_end(s, t);
	turn_free(s, t);
}

static void turn_found(struct spool *s, struct turn *t)
{
	turn_answer(s, t, t->found || has_work(s, t) ? TURNED_GOES : TURNED_NOTHING);
}

bool turn_shares(const struct spool *s)
{
	LIST_EACH(it, &s->turns)
		if (CONTAINER(it, struct turn, link)->walk == s->wait.walk) return true;
	return false;
}

void turn_walked(struct spool *s, bool failed)
{
	LIST_EACH(it, &s->turns) {
		struct turn *t = CONTAINER(it, struct turn, link);
		if (t->state != TURN_WALKING || t->walk != s->wait.walk) continue;
		if (failed) turn_answer(s, t, TURNED_NOT_NOW);
		else turn_found(s, t);
	}
}

/* An ended turn does not see mail that comes later: that waits for the next. */
static void open_tick(struct spool *s, struct turn *t)
{
	bool looking = s->pump.scan || s->pump.fresh_count > 0;
	t->quiet = looking || has_work(s, t) ? 0 : t->quiet + 1;
	if (t->quiet < QUIET_TICKS) return;
	line_end(s, t);
	t->state = TURN_ENDING;
	t->deadline_ms = loop_now_ms(s->frame->loop) + END_MS;
}

void turn_tick(struct spool *s)
{
	int64_t now_ms = loop_now_ms(s->frame->loop);
	LIST_EACH(it, &s->turns) {
		struct turn *t = CONTAINER(it, struct turn, link);
		bool late = t->deadline_ms <= now_ms;
		switch (t->state) {
		case TURN_WALKING:
			if (late) turn_answer(s, t, TURNED_GOES);
			break;
		case TURN_OPEN: open_tick(s, t); break;
		case TURN_ENDING:
			if (late) turn_free(s, t);
			break;
		}
	}
}

/* Whatever receive says: of others nothing is given away. */
static unsigned domains_take(struct spool *s, struct turn *t, struct str domains)
{
	for (struct str rest = domains; rest.len;) {
		struct str name = str_cut(&rest, '\n');
		if (!name.len || !may_be_fetched(s, name)) continue;
		if (turn_of_domain(s, name)) return TURNED_BUSY;
		if (!policy_domain_is_in(buf_view(&t->domains), name)) policy_domain_put(&t->domains, name);
	}
	return t->domains.len && !t->domains.overflowed ? TURNED_GOES : TURNED_NOT_NOW;
}

static bool worker_choose(struct spool *s, struct turn *t)
{
	for (unsigned i = 0; i < s->deliver_count; i++) {
		t->worker = (unsigned)((s->next_turn + i) % s->deliver_count);
		struct channel *ch = frame_peer(s->frame, ROLE_DELIVER, t->worker);
		if (ch && channel_backlog(ch) < SPOOL_BACKLOG_MAX) return true;
	}
	return false;
}

static unsigned turn_fill(struct spool *s, struct turn *t, const struct msg_turn *m)
{
	struct ip ip;
	struct buf host, key;
	unsigned result = domains_take(s, t, m->domains);
	if (result != TURNED_GOES) return result;
	if (m->client.len != sizeof ip.octets || !worker_choose(s, t)) return TURNED_NOT_NOW;
	memcpy(ip.octets, m->client.at, sizeof ip.octets);
	buf_init_fixed(&host, t->host, sizeof t->host);
	ip_write(&host, ip);
	t->host_len = host.len;
	buf_init_fixed(&key, t->key, sizeof t->key);
	buf_str(&key, KEY_BEGIN);
	buf_u64(&key, ++s->next_turn);
	t->key_len = key.len;
	t->port = m->port;
	t->tls = m->tls.len > 0;
	t->query = m->query;
	t->walk = s->wait.walk + 1;
	t->deadline_ms = loop_now_ms(s->frame->loop) + ASK_MS;
	return TURNED_GOES;
}

void turn_begin(struct spool *s, unsigned worker, const struct msg_turn *m, int fd)
{
	unsigned result = TURNED_NOT_NOW;
	bool may = !s->draining && s->frame->conf->transfer != CONF_TRANSFER_IN &&
	           s->turn_count < SPOOL_TURNS_MAX;
	struct turn *t = may ? calloc(1, sizeof *t) : NULL;
	if (t) {
		buf_init(&t->domains, DOMAINS_MAX);
		t->asker = worker;
		t->asker_life = s->workers[worker].life;
		result = turn_fill(s, t, m);
	}
	if (result == TURNED_GOES) {
		channel_send_line_fd(frame_peer(s->frame, ROLE_DELIVER, t->worker),
			&(struct msg_line){ .key = key_of(t), .tls = m->tls }, fd);
		list_add_tail(&s->turns, &t->link);
		s->turn_count++;
		wait_walk(s);
	} else {
		if (t) buf_free(&t->domains);
		free(t);
		answer(s, worker, s->workers[worker].life, &(struct msg_turned){ m->query, (uint8_t)result, 0 });
	}
	(void)close(fd);
}
