/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/checker.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/os/workers.h"

struct job {
	struct link link;
	uint64_t id;
	enum check_result result;
	bool too_long;
	char password[CHECKER_PASSWORD_MAX + 1];
	char hash[CHECKER_HASH_MAX + 1];
};

struct checker {
	struct workers *workers;
	checker_fn *fn;
	void *arg;
};

static void job_free(struct job *job)
{
	explicit_bzero(job, sizeof *job);
	free(job);
}

/* Every octet is looked at, whatever the first ones were. */
static bool is_same(const char *a, const char *b)
{
	size_t len = strlen(a);
	unsigned char differ = 0;
	if (strlen(b) != len) return false;
	for (size_t i = 0; i < len; i++) differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

static enum check_result compare(const struct job *job, struct crypt_data *data)
{
	const char *got = crypt_rn(job->password, job->hash, data, (int)sizeof *data);
	if (!got) return CHECK_CANNOT;
	return is_same(got, job->hash) && !job->too_long ? CHECK_YES : CHECK_NO;
}

static void run(void *arg, struct link *link, void **own)
{
	struct job *job = CONTAINER(link, struct job, link);
	struct crypt_data *data = *own ? *own : (*own = malloc(sizeof *data));
	(void)arg;
	job->result = CHECK_CANNOT;
	if (!data) return;
	memset(data, 0, sizeof *data);
	job->result = compare(job, data);
	explicit_bzero(data, sizeof *data);
}

static void done(void *arg, struct link *link)
{
	struct checker *c = arg;
	struct job *job = CONTAINER(link, struct job, link);
	uint64_t id = job->id;
	enum check_result result = job->result;
	job_free(job);
	c->fn(c->arg, id, result);
}

static void drop(struct link *link) { job_free(CONTAINER(link, struct job, link)); }

static size_t threads_wanted(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	if (processors < 1) return 1;
	return processors < CHECKER_THREADS_MAX ? (size_t)processors : CHECKER_THREADS_MAX;
}

struct checker *checker_new(struct loop *loop, checker_fn *fn, void *arg)
{
	struct checker *c = calloc(1, sizeof *c);
	if (!c) return NULL;
	c->fn = fn;
	c->arg = arg;
	c->workers = workers_new(loop, &(struct workers_spec){
		.threads = threads_wanted(), .jobs_max = CHECKER_JOBS_MAX,
		.run = run, .end_own = free, .done = done, .drop = drop, .arg = c });
	if (c->workers) return c;
	free(c);
	return NULL;
}

void checker_free(struct checker *c)
{
	if (!c) return;
	workers_free(c->workers);
	free(c);
}

bool checker_put(struct checker *c, uint64_t id, struct str password, struct str hash)
{
	struct job *job = calloc(1, sizeof *job);
	if (!job || !str_to_cstr(hash, job->hash, sizeof job->hash)) {
		free(job);
		return false;
	}
	job->id = id;
	/* It cannot be right, and takes as long as one that could. */
	job->too_long = !str_to_cstr(password, job->password, sizeof job->password);
	if (workers_put(c->workers, &job->link)) return true;
	job_free(job);
	return false;
}
