/* SPDX-License-Identifier: Apache-2.0 */
/* A hundred thousand messages for ten thousand destinations of which three in ten are dead,
 * in made time, with as much in hand as spool has: those that live get theirs within twice
 * the time that they take alone. And a thousand recipients of a thousand domains, and one
 * who sends to one domain with a bulk sender. The costs of the scheduler itself are
 * measured, too; they are printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "lib/base/rng.h"
#include "lib/queue/sched.h"

enum {
	DESTS = 10000,
	EACH = 10,
	DEAD_PERCENT = 30,
	IN_HAND_MAX = 4096,   /* spool's */
	DEAD_MS = 30 * 1000,  /* timeout { connect } */
	HURRY_MS = 5 * 1000,  /* deliver's, where it is to hurry */
	LOOK_MS = 1500,       /* and where it is only to look */
	TICK_MS = 50,
	ENDS = DEAD_MS / TICK_MS + 2,
};

/* How it is out there. */
struct sea {
	const char *name;
	uint32_t out;    /* limit { connections { out } } */
	int64_t live_ms; /* DNS, TCP, TLS and one message */
	uint32_t speed;  /* messages that are begun in a tick at most: what the processor can do */
	bool dead_first; /* what they have waits before that of the others */
	bool refuses;    /* the dead ones say no at once; else they are silent */
};

struct mail {
	struct line_item item;
	struct mail *next; /* of those that end together */
	uint32_t dest;
	bool looks; /* under way: only a look */
};

struct world {
	const struct sea *sea;
	struct sched sched;
	struct sched_dest *dests[DESTS];
	bool dead[DESTS];
	struct mail *mails;
	uint32_t *order;
	size_t count, fed, in_hand, live_left;
	size_t begun; /* in this tick */
	struct mail *ends[ENDS]; /* ring of ticks */
	int64_t now_ms;
};

static void key_of(uint32_t dest, struct buf *out)
{
	buf_str(out, STR("mx:d"));
	buf_u64(out, dest);
	buf_str(out, STR(".example"));
}

static struct sched_dest *dest_of(struct world *w, uint32_t dest)
{
	char memory[64];
	struct buf key;
	buf_init_fixed(&key, memory, sizeof memory);
	key_of(dest, &key);
	return sched_dest(&w->sched, buf_view(&key), STR("default"), 40, false);
}

static struct sched_place place_of(const struct world *w, const struct mail *m)
{
	return (struct sched_place){ 1, 1 + (uint64_t)(m - w->mails), false };
}

/* As spool's place_rcpt. False: it stays on the disk, or is put off for long. */
static bool place(struct world *w, struct mail *m)
{
	struct sched_dest *d = dest_of(w, m->dest);
	assert_non_null(d);
	enum sched_verdict verdict = sched_ask_for(&w->sched, d, m->item.owner, w->now_ms);
	if (verdict == SCHED_LINE) {
		sched_wait(&w->sched, d, &m->item);
		w->in_hand++;
		return true;
	}
	if (verdict == SCHED_SKIP) sched_skip(&w->sched, d, place_of(w, m), true);
	return false;
}

static void feed(struct world *w)
{
	struct sched_place at;
	while (w->in_hand < IN_HAND_MAX && w->fed < w->count) (void)place(w, &w->mails[w->fed++]);
	for (struct sched_dest *d; w->in_hand < IN_HAND_MAX &&
				   (d = sched_refill(&w->sched, w->now_ms, true, &at));)
		while (w->in_hand < IN_HAND_MAX &&
		       sched_ask(&w->sched, d, w->now_ms) != SCHED_SKIP &&
		       sched_recall(&w->sched, d, &at))
			(void)place(w, &w->mails[at.id - 1]);
}

static int64_t takes_ms(const struct world *w, const struct mail *m, enum sched_haste haste)
{
	if (!w->dead[m->dest]) return w->sea->live_ms;
	if (w->sea->refuses) return TICK_MS;
	return haste == SCHED_LOOK ? LOOK_MS : haste == SCHED_HURRY ? HURRY_MS : DEAD_MS;
}

static void start(struct world *w)
{
	struct sched_dest *d;
	for (struct line_item *item; w->begun < w->sea->speed &&
				     (item = sched_take(&w->sched, w->now_ms, &d));) {
		struct mail *m = CONTAINER(item, struct mail, item);
		enum sched_haste haste = sched_haste(&w->sched, d);
		size_t at = (size_t)((w->now_ms + takes_ms(w, m, haste)) / TICK_MS) % ENDS;
		m->looks = haste == SCHED_LOOK && !w->sea->refuses;
		m->next = w->ends[at];
		w->ends[at] = m;
		w->begun++;
	}
}

static void back_on_disk(struct world *w, struct sched_dest *d, struct mail *m)
{
	sched_skip(&w->sched, d, place_of(w, m), true);
	w->in_hand--;
}

/* As spool's part_back: of a host that was found dead the line is put off, of one that was
 * only looked at it stays where it was. */
static void line_end(struct world *w, struct sched_dest *d)
{
	bool off = sched_ask(&w->sched, d, w->now_ms) == SCHED_BLOCKED;
	for (struct line_item *item; (item = sched_drop(&w->sched, d));) {
		if (off) w->in_hand--;
		else back_on_disk(w, d, CONTAINER(item, struct mail, item));
	}
}

static void end(struct world *w, struct mail *m)
{
	struct sched_dest *d = dest_of(w, m->dest);
	bool dead = w->dead[m->dest];
	enum sched_end how = !dead ? SCHED_SUCCESS : m->looks ? SCHED_LOOKED : SCHED_FAILURE;
	sched_done(&w->sched, d, how, STR("timeout"), w->now_ms);
	if (!dead) w->live_left--;
	if (how == SCHED_LOOKED) back_on_disk(w, d, m);
	else w->in_hand--;
	if (how == SCHED_LOOKED || sched_ask(&w->sched, d, w->now_ms) == SCHED_BLOCKED)
		line_end(w, d);
}

static void finish(struct world *w)
{
	size_t at = (size_t)(w->now_ms / TICK_MS) % ENDS;
	struct mail *m = w->ends[at];
	w->ends[at] = NULL;
	w->begun = 0;
	for (struct mail *next; m; m = next) {
		next = m->next;
		end(w, m);
	}
}

/* Until the last one that lives has his: how long that took. */
static int64_t run(struct world *w)
{
	int64_t begin_ms = w->now_ms;
	while (w->live_left > 0) {
		w->now_ms += TICK_MS;
		if (w->now_ms % 1000 == 0) sched_sweep(&w->sched, w->now_ms);
		finish(w);
		start(w);
		feed(w);
		start(w);
		assert_true(w->sched.in_flight <= w->sea->out && w->in_hand <= IN_HAND_MAX);
		if (w->now_ms - begin_ms > 3600 * 1000) fail_msg("%zu are still waiting", w->live_left);
	}
	return w->now_ms - begin_ms;
}

/* Which destination the i-th message is for: any; or the dead ones, then the others, and this
 * as often as each has messages. */
static uint32_t nth_dest(const struct sea *sea, struct rng *rng, uint32_t i)
{
	return sea->dead_first ? i % DESTS : (uint32_t)rng_below(rng, DESTS);
}

static int64_t world_run(const struct sea *sea, bool with_dead)
{
	static struct world w;
	struct rng rng = { 11 };
	w = (struct world){ .sea = sea, .now_ms = INT64_C(1800000000000) };
	sched_init(&w.sched, sea->out, 5);
	w.mails = calloc(DESTS * EACH, sizeof *w.mails);
	assert_non_null(w.mails);
	for (uint32_t d = 0; d < DESTS; d++)
		w.dead[d] = sea->dead_first ? d < DESTS * DEAD_PERCENT / 100
					    : rng_below(&rng, 100) < DEAD_PERCENT;
	for (uint32_t i = 0; i < DESTS * EACH; i++) {
		uint32_t dest = nth_dest(sea, &rng, i);
		if (w.dead[dest] && !with_dead) continue;
		w.mails[w.count] = (struct mail){ .dest = dest };
		w.mails[w.count++].item.owner = i % 50;
		w.live_left += !w.dead[dest];
	}
	int64_t took_ms = run(&w);
	sched_free(&w.sched);
	free(w.mails);
	return took_ms;
}

static const struct sea seas[] = {
	{ "far hosts, a second for a message",     500, 1000, UINT32_MAX, false, false },
	{ "the same, dead ones first",             500, 1000, UINT32_MAX, true, false },
	{ "near hosts, 10,000 messages a second", 2000,   50,        500, false, false },
	{ "the same, dead ones first",            2000,   50,        500, true, false },
	{ "near hosts, dead ones first that refuse", 2000, 50,      500, true, true },
};

static void dead_ones_do_not_hold_up_the_living(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof seas / sizeof *seas; i++) {
		clock_t begin = clock();
		int64_t alone_ms = world_run(&seas[i], false);
		int64_t with_ms = world_run(&seas[i], true);
		print_message("%s: alone %lld ms, with 30 %% dead %lld ms; the processor had %ld ms "
			      "to do\n", seas[i].name, (long long)alone_ms, (long long)with_ms,
			      (long)((clock() - begin) / (CLOCKS_PER_SEC / 1000)));
		assert_true(with_ms <= 2 * alone_ms);
	}
}

/* One message to a thousand domains: all are tried at once, as far as there are places. */
static void a_thousand_domains_at_once(void **state)
{
	(void)state;
	static struct line_item items[1000];
	struct sched sched;
	struct sched_dest *d;
	char memory[64];
	sched_init(&sched, 2000, 3);
	for (uint32_t i = 0; i < 1000; i++) {
		struct buf key;
		buf_init_fixed(&key, memory, sizeof memory);
		key_of(i, &key);
		items[i] = (struct line_item){ .owner = 1 };
		d = sched_dest(&sched, buf_view(&key), STR("r"), 40, false);
		assert_int_equal(sched_ask_for(&sched, d, 1, 0), SCHED_LINE);
		sched_wait(&sched, d, &items[i]);
	}
	size_t count = 0;
	while (sched_take(&sched, 0, &d)) count++;
	assert_int_equal(count, 1000);
	sched_free(&sched);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dead_ones_do_not_hold_up_the_living),
		cmocka_unit_test(a_thousand_domains_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
