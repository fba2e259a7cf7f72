/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/map.h"
#include "services/directory/answer.h"
#include "services/directory/breaker.h"
#include "services/directory/recent.h"
#include "services/directory/threads.h"

enum { TICK_MS = 50, LIVE_MAX = POOL_WAITING_MAX + 4 * POOL_THREADS_MAX };

struct pool {
	struct loop *loop;
	const struct backend *backend;
	struct backend_settings *settings; /* owned by the threads */
	struct threads *threads;
	struct loop_io *io;
	struct loop_timer *tick;
	struct recent *recent;
	struct breaker breaker;
	struct map by_key;  /* finds, until they are answered */
	struct link live;   /* questions that are not answered, oldest first */
	uint64_t seed;
	bool asked; /* once: a thread may be reading the settings */
	pool_news_fn *news;
	void *news_arg;
};

static struct pool_answer down(const char *why)
{
	return (struct pool_answer){ .result = BACKEND_DOWN, .why = str_of(why) };
}

/* --- answering ---------------------------------------------------------------------- */

static void unlist(struct pool *p, struct question *q)
{
	if (map_get(&p->by_key, q->key) == q) (void)map_take(&p->by_key, q->key);
	link_remove(&q->live);
}

/* What is called may ask again, or cancel others. */
static void answer_all(struct question *q, const struct pool_answer *answer)
{
	for (struct link *it; (it = list_take(&q->asks));) {
		struct pool_ask *ask = CONTAINER(it, struct pool_ask, link);
		ask->done(ask, answer);
	}
}

/* Answers without its thread. */
static void drop(struct pool *p, struct question *q, const struct pool_answer *answer)
{
	unlist(p, q);
	bool mine = threads_take_back(p->threads, q);
	if (!mine) q->dropped = true;
	answer_all(q, answer);
	if (mine) question_free(q);
}

/* The directory cannot be asked: those that no thread has begun need not wait for it. */
static void bad(struct pool *p, struct str why)
{
	const struct pool_answer alone = down("left alone for a while, for it could not be asked");
	if (!breaker_bad(&p->breaker, loop_now_ms(p->loop))) return;
	p->news(p->news_arg, p->settings, POOL_DOWN, why);
	LIST_EACH(it, &p->live) {
		struct question *q = CONTAINER(it, struct question, live);
		if (!threads_take_back(p->threads, q)) continue;
		unlist(p, q);
		answer_all(q, &alone);
		question_free(q);
	}
}

static void good(struct pool *p)
{
	if (breaker_good(&p->breaker)) p->news(p->news_arg, p->settings, POOL_BACK, STR(""));
}

static void weigh(struct pool *p, const struct question *q, const struct pool_answer *answer)
{
	if (answer->result == BACKEND_DOWN) {
		bad(p, answer->why);
		return;
	}
	good(p);
	if (answer->result == BACKEND_UNSURE)
		p->news(p->news_arg, p->settings, POOL_UNSURE, answer->why);
	else if (answer->result != BACKEND_WRONG && answer->why.len)
		p->news(p->news_arg, p->settings, POOL_NOTICE, answer->why);
	struct str address = { q->address, q->address_len };
	bool exists = answer->result == BACKEND_OK;
	if (exists || (answer->result == BACKEND_NONE && q->kind == THREADS_RECIPIENT))
		recent_put(p->recent, address, answer->result, answer->entry,
			   loop_now_ms(p->loop));
}

static void fill_home(const struct pool *p, struct backend_entry *entry)
{
	if (!entry->home_len) (void)BACKEND_PUT(entry, home, str_of(p->settings->home));
}

static void finish(struct pool *p, struct question *q)
{
	struct pool_answer answer = { q->result, NULL, { q->why, q->why_len } };
	if (!q->dropped) {
		if (q->result == BACKEND_OK) {
			fill_home(p, &q->entry);
			answer.entry = &q->entry;
		}
		unlist(p, q);
		weigh(p, q, &answer);
		answer_all(q, &answer);
	}
	question_free(q);
}

static void collect(void *arg, int fd, unsigned ready)
{
	struct pool *p = arg;
	struct link done;
	(void)fd, (void)ready;
	list_init(&done);
	threads_done(p->threads, &done);
	for (struct link *it; (it = list_take(&done));)
		finish(p, CONTAINER(it, struct question, link));
}

static void tick(void *arg)
{
	struct pool *p = arg;
	int64_t now_ms = loop_now_ms(p->loop);
	const struct pool_answer late = down("no answer in time");
	while (!list_empty(&p->live)) {
		struct question *q = CONTAINER(p->live.next, struct question, live);
		if (q->deadline_ms > now_ms) break;
		drop(p, q, &late);
		bad(p, late.why);
	}
	if (!list_empty(&p->live)) loop_timer_set(p->tick, TICK_MS);
}

/* --- life --------------------------------------------------------------------------- */

static struct pool *pool_parts(struct pool *p)
{
	p->recent = recent_new(p->settings->cache_ms, p->seed);
	p->io = loop_io_new(p->loop, threads_fd(p->threads), LOOP_READ, collect, p);
	p->tick = loop_timer_new(p->loop, tick, p);
	if (p->recent && p->io && p->tick) return p;
	pool_free(p);
	return NULL;
}

struct pool *pool_new(struct loop *loop, const struct backend *backend,
		      struct backend_settings *settings, pool_news_fn *news, void *arg)
{
	struct pool *p = calloc(1, sizeof *p);
	struct threads *threads = p ? threads_new(backend, settings) : NULL;
	if (!threads) {
		backend_settings_free(settings);
		free(p);
		return NULL;
	}
	p->loop = loop;
	p->backend = backend;
	p->settings = settings;
	p->threads = threads;
	p->news = news;
	p->news_arg = arg;
	list_init(&p->live);
	if (getrandom(&p->seed, sizeof p->seed, 0) != (ssize_t)sizeof p->seed) p->seed = 1;
	map_init(&p->by_key, LIVE_MAX, p->seed);
	return pool_parts(p);
}

void pool_free(struct pool *p)
{
	if (!p) return;
	const struct pool_answer gone = down("the directory is being set up again");
	loop_io_free(p->io);
	loop_timer_free(p->tick);
	while (!list_empty(&p->live))
		drop(p, CONTAINER(p->live.next, struct question, live), &gone);
	threads_leave(p->threads);
	recent_free(p->recent);
	map_free(&p->by_key);
	free(p);
}

const struct backend *pool_backend(const struct pool *p) { return p->backend; }

const struct backend_settings *pool_settings(const struct pool *p) { return p->settings; }

bool pool_secret(struct pool *p, struct str secret)
{
	return !p->asked && backend_settings_secret(p->settings, secret);
}

void pool_cancel(struct pool_ask *ask) { link_remove(&ask->link); }

/* --- asking ------------------------------------------------------------------------- */

static struct question *question_new(enum threads_kind kind, struct str address)
{
	struct question *q = calloc(1, sizeof *q);
	if (!q) return NULL;
	q->kind = kind;
	q->address_len = address.len;
	if (address.len) memcpy(q->address, address.at, address.len);
	list_init(&q->asks);
	return q;
}

/* False: `now` says why not. The question is the threads' then, or freed. */
static bool put(struct pool *p, struct question *q, struct pool_ask *ask,
		struct pool_answer *now)
{
	int64_t now_ms = loop_now_ms(p->loop);
	if (!breaker_may(&p->breaker, now_ms)) {
		*now = down("left alone for a while, for it could not be asked");
	} else if (!threads_put(p->threads, q)) {
		*now = down("too many questions wait for it");
		p->breaker.probing = false;
	} else {
		p->asked = true;
		q->deadline_ms = now_ms + p->settings->timeout_ms;
		list_add_tail(&q->asks, &ask->link);
		if (list_empty(&p->live)) loop_timer_set(p->tick, TICK_MS);
		list_add_tail(&p->live, &q->live);
		return true;
	}
	question_free(q);
	return false;
}

static struct str lower(struct str address, char memory[POOL_ADDRESS_MAX])
{
	for (size_t i = 0; i < address.len; i++) memory[i] = ascii_lower(address.at[i]);
	return (struct str){ memory, address.len };
}

static bool recall(const struct pool *p, struct str address, struct pool_answer *now)
{
	static struct backend_entry entry;
	now->result = recent_get(p->recent, address, loop_now_ms(p->loop), &entry);
	if (now->result == BACKEND_UNSURE) return false;
	if (now->result == BACKEND_OK) now->entry = &entry;
	return true;
}

static struct question *asked_already(struct pool *p, enum threads_kind kind,
				      struct str address, uint64_t key)
{
	struct question *q = map_get(&p->by_key, key);
	bool same = q && q->kind == kind &&
		    str_eq((struct str){ q->address, q->address_len }, address);
	return same ? q : NULL;
}

bool pool_find(struct pool *p, enum pool_find how, struct str address, struct pool_ask *ask,
	       struct pool_answer *now)
{
	char memory[POOL_ADDRESS_MAX];
	enum threads_kind kind = how == POOL_LOGIN ? THREADS_LOGIN : THREADS_RECIPIENT;
	*now = (struct pool_answer){ .result = BACKEND_NONE };
	if (address.len > POOL_ADDRESS_MAX || !answer_is_address(address)) return true;
	address = lower(address, memory);
	if (how == POOL_RECIPIENT && recall(p, address, now)) return true;
	uint64_t key = hash_str(address, p->seed + kind);
	struct question *same = asked_already(p, kind, address, key);
	if (same) {
		list_add_tail(&same->asks, &ask->link);
		return false;
	}
	struct question *q = question_new(kind, address);
	if (!q) *now = down("no memory");
	if (!q || !put(p, q, ask, now)) return true;
	q->key = key;
	(void)map_put(&p->by_key, key, q);
	return false;
}

bool pool_verify(struct pool *p, struct str address, struct str password,
		 struct pool_ask *ask, struct pool_answer *now)
{
	char memory[POOL_ADDRESS_MAX];
	*now = (struct pool_answer){ .result = BACKEND_NONE };
	if (address.len > POOL_ADDRESS_MAX || !password.len) return true;
	struct question *q = question_new(THREADS_VERIFY, lower(address, memory));
	if (!q) {
		*now = down("no memory");
		return true;
	}
	q->too_long = password.len > sizeof q->password;
	q->password_len = q->too_long ? sizeof q->password : password.len;
	memcpy(q->password, password.at, q->password_len);
	return !put(p, q, ask, now);
}

bool pool_recall(const struct pool *p, struct str address, struct backend_entry *entry)
{
	char memory[POOL_ADDRESS_MAX];
	return address.len <= POOL_ADDRESS_MAX &&
	       recent_get(p->recent, lower(address, memory), loop_now_ms(p->loop), entry) ==
		       BACKEND_OK;
}
