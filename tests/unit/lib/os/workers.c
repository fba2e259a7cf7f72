/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/os/workers.h"

enum { JOBS = 100 };

struct item {
	struct link link;
	unsigned ran, done, dropped;
};

static struct item items[JOBS];
static struct loop *loop;
static struct workers *workers;
static unsigned done_count, wanted, own_given_back;
static sem_t gate; /* a job waits for it, where `gated` */
static bool gated;

static void run(void *arg, struct link *link, void **own)
{
	struct item *item = CONTAINER(link, struct item, link);
	assert_ptr_equal(arg, items);
	if (!*own) *own = &own_given_back;
	if (gated) (void)sem_wait(&gate);
	item->ran++;
}

static void run_until_stopped(void *arg, struct link *link, void **own)
{
	(void)arg, (void)own;
	(void)sem_post(&gate);
	while (!workers_are_stopping(workers)) (void)usleep(1000);
	CONTAINER(link, struct item, link)->ran++;
}

static void end_own(void *own) { __atomic_add_fetch((unsigned *)own, 1, __ATOMIC_RELAXED); }

static void done(void *arg, struct link *link)
{
	(void)arg;
	CONTAINER(link, struct item, link)->done++;
	if (++done_count == wanted) loop_stop(loop);
}

static void drop(struct link *link) { CONTAINER(link, struct item, link)->dropped++; }

static void begin(size_t threads, size_t jobs_max, bool counts_all)
{
	for (size_t i = 0; i < JOBS; i++) items[i] = (struct item){ 0 };
	done_count = own_given_back = 0;
	assert_int_equal(sem_init(&gate, 0, 0), 0);
	loop = loop_new();
	workers = workers_new(loop, &(struct workers_spec){
		.threads = threads, .jobs_max = jobs_max, .counts_all = counts_all, .run = run,
		.end_own = end_own, .done = done, .drop = drop, .arg = items });
	assert_non_null(workers);
}

static void end(void)
{
	workers_free(workers);
	loop_free(loop);
}

static void each_once(void **state)
{
	(void)state;
	gated = false;
	begin(3, JOBS, true);
	for (size_t i = 0; i < JOBS; i++) assert_true(workers_put(workers, &items[i].link));
	wanted = JOBS;
	loop_run(loop);
	for (size_t i = 0; i < JOBS; i++) {
		assert_int_equal(items[i].ran, 1);
		assert_int_equal(items[i].done, 1);
	}
	/* what was taken back makes room */
	assert_true(workers_put(workers, &items[0].link));
	wanted = JOBS + 1;
	loop_run(loop);
	end();
	assert_in_range(own_given_back, 1, 3);
	workers_free(NULL);
}

/* With counts_all what is at work has a place, too. */
static void bounds(void **state)
{
	(void)state;
	for (int all = 0; all < 2; all++) {
		gated = true;
		begin(1, 4, all);
		size_t taken = 0;
		assert_true(workers_put(workers, &items[taken++].link));
		(void)usleep(50 * 1000); /* the thread has it */
		while (workers_put(workers, &items[taken].link)) taken++;
		assert_int_equal(taken, all ? 4 : 5);
		for (size_t i = 0; i < taken; i++) (void)sem_post(&gate);
		wanted = (unsigned)taken;
		loop_run(loop);
		assert_true(workers_put(workers, &items[taken].link));
		(void)sem_post(&gate);
		end();
		assert_int_equal(items[taken].dropped, 1);
	}
}

static void the_end_comes_early(void **state)
{
	(void)state;
	gated = false;
	begin(1, JOBS, false);
	workers_free(workers);
	workers = workers_new(loop, &(struct workers_spec){
		.threads = 1, .jobs_max = JOBS, .run = run_until_stopped, .end_own = end_own,
		.done = done, .drop = drop, .arg = items });
	assert_non_null(workers);
	for (size_t i = 0; i < 3; i++) assert_true(workers_put(workers, &items[i].link));
	assert_int_equal(sem_wait(&gate), 0);
	assert_false(workers_are_stopping(workers));
	end();
	assert_int_equal(items[0].ran, 1);
	assert_int_equal(items[1].ran, 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(items[i].dropped, 1);
		assert_int_equal(items[i].done, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_once),
		cmocka_unit_test(bounds),
		cmocka_unit_test(the_end_comes_early),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
