/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/deliver.h"

#include <stdlib.h>
#include <string.h>

enum {
	RESULTS_MAX = 16 * 1024 * 1024,
	RESULTS_KEEP = 64 * 1024, /* a larger buffer is given back after use */
	HOST_MAX = TARGET_TEMPLATE_MAX + 1 + TARGET_PATH_MAX,
};

/* A job whose last letters are in the batch. */
struct pending {
	uint64_t job;
	struct buf results;
	bool whole; /* all its recipients were looked at */
};

/* What belongs to the letter at the same place of the batch. */
struct entry {
	struct pending *job;
	uint32_t index;
	struct buf recipient, host;
};

struct deliver {
	const struct roots *roots;
	struct deliver_calls calls;
	struct maildir_batch *batch;
	struct entry entries[MAILDIR_BATCH_MAX];
	struct pending jobs[MAILDIR_BATCH_MAX];
	size_t job_count;
};

struct deliver *deliver_new(const struct roots *roots, const struct deliver_calls *calls)
{
	struct deliver *d = calloc(1, sizeof *d);
	struct maildir_batch *batch = maildir_batch_new();
	if (!d || !batch) {
		free(d);
		maildir_batch_free(batch);
		return NULL;
	}
	d->roots = roots;
	d->calls = *calls;
	d->batch = batch;
	for (size_t i = 0; i < MAILDIR_BATCH_MAX; i++) {
		buf_init(&d->entries[i].recipient, JOB_TEXT_MAX);
		buf_init(&d->entries[i].host, HOST_MAX);
		buf_init(&d->jobs[i].results, RESULTS_MAX);
	}
	return d;
}

void deliver_free(struct deliver *d)
{
	if (!d) return;
	maildir_batch_free(d->batch);
	for (size_t i = 0; i < MAILDIR_BATCH_MAX; i++) {
		buf_free(&d->entries[i].recipient);
		buf_free(&d->entries[i].host);
		buf_free(&d->jobs[i].results);
	}
	free(d);
}

/* --- results ------------------------------------------------------------------------ */

static void put_result(struct pending *job, const struct job_result *result)
{
	job_result_put(&job->results, result);
	/* Without memory for the answer this process is of no use: it ends, and its jobs
	 * go back to the queue. */
	if (job->results.overflowed) abort();
}

static void put_deferred(struct deliver *d, struct pending *job,
			 const struct job_recipient *r, const char *dsn, struct str text,
			 struct str host)
{
	put_result(job, &(struct job_result){ .index = r->index,
					      .outcome = JOB_DEFERRED,
					      .dsn = str_of(dsn),
					      .text = text,
					      .host = host });
	d->calls.failed(d->calls.arg, r->mailbox, text, host);
}

static void put_entry(struct deliver *d, const struct entry *e, int error)
{
	struct job_recipient r = { .index = e->index,
				   .mailbox = buf_view(&e->recipient) };
	if (error) {
		char memory[JOB_TEXT_MAX];
		struct buf text;
		buf_init_fixed(&text, memory, sizeof memory);
		maildir_reason(&text, error);
		put_deferred(d, e->job, &r, maildir_dsn(error), buf_view(&text),
			     buf_view(&e->host));
		return;
	}
	put_result(e->job, &(struct job_result){ .index = e->index,
						 .outcome = JOB_DELIVERED,
						 .dsn = STR("2.0.0"),
						 .text = STR("delivered to the mailbox"),
						 .host = buf_view(&e->host) });
}

static void empty(struct buf *results)
{
	if (results->cap > RESULTS_KEEP) buf_free(results);
	buf_reset(results);
}

void deliver_commit(struct deliver *d)
{
	maildir_batch_commit(d->batch);
	for (size_t i = 0; i < maildir_batch_count(d->batch); i++)
		put_entry(d, &d->entries[i], maildir_batch_error(d->batch, i));
	maildir_batch_clear(d->batch);
	size_t count = d->job_count;
	for (size_t i = 0; i < count; i++) {
		if (!d->jobs[i].whole) continue;
		d->calls.done(d->calls.arg, d->jobs[i].job,
			      buf_view(&d->jobs[i].results));
		empty(&d->jobs[i].results);
	}
	/* Only the last job can be unfinished: it is being added just now. It moves to
	 * the front, and the empty buffer from there takes its place. */
	d->job_count = 0;
	if (count && !d->jobs[count - 1].whole) {
		struct pending last = d->jobs[count - 1];
		d->jobs[count - 1] = d->jobs[0];
		d->jobs[0] = last;
		d->job_count = 1;
	}
}

void deliver_drop(struct deliver *d)
{
	maildir_batch_clear(d->batch);
	for (size_t i = 0; i < d->job_count; i++) empty(&d->jobs[i].results);
	d->job_count = 0;
}

/* --- jobs --------------------------------------------------------------------------- */

static const char *find_root(const struct deliver *d, struct str template,
			     const struct root **root)
{
	if (template.len == 0) return "the domain has no mailboxes in the configuration";
	const char *why = target_template_check(template);
	if (why) return why;
	*root = roots_find(d->roots, template);
	return *root ? NULL
		     : "the mailbox's folder is not open: the service must be restarted";
}

/* A prefix that could not be opened: rights were given up, so that only a restart helps.
 */
static void defer_root(struct deliver *d, struct pending *job,
		       const struct job_recipient *r, const struct root *root)
{
	char memory[JOB_TEXT_MAX];
	struct buf text;
	buf_init_fixed(&text, memory, sizeof memory);
	buf_str(&text, STR("the folder of the mailboxes could not be opened: "));
	buf_str(&text, str_of(strerror(-root->fd)));
	buf_str(&text, STR("; when that is mended, the service must be restarted"));
	put_deferred(d, job, r, "4.3.0", buf_view(&text), buf_view(&root->path));
}

static void add_letter(struct deliver *d, const struct root *root, struct str path,
		       const struct job_recipient *r, struct letter letter)
{
	letter.recipient = r->mailbox;
	letter.original = r->address;
	size_t at = maildir_batch_add(d->batch, root->fd, path, &letter);
	struct entry *e = &d->entries[at];
	e->job = &d->jobs[d->job_count - 1];
	e->index = r->index;
	buf_reset(&e->recipient);
	buf_str(&e->recipient, str_sub(r->mailbox, 0, JOB_TEXT_MAX));
	buf_reset(&e->host);
	buf_str(&e->host, buf_view(&root->path));
	if (path.len && root->path.len > 1) buf_byte(&e->host, '/');
	buf_str(&e->host, path);
}

static void add_recipient(struct deliver *d, const struct deliver_job *job,
			  const struct job_recipient *r)
{
	struct pending *pending = &d->jobs[d->job_count - 1];
	const struct root *root = NULL;
	struct str template = d->calls.template(d->calls.arg, r->domain);
	const char *why = job->broken ? job->broken : find_root(d, template, &root);
	if (why) {
		/* RFC 3463: X.3.5 is a system that is not configured as it should be. */
		put_deferred(d, pending, r, job->broken ? "4.3.0" : "4.3.5", str_of(why),
			     r->mailbox);
		return;
	}
	if (root->fd < 0) {
		defer_root(d, pending, r, root);
		return;
	}
	char memory[TARGET_PATH_MAX];
	struct buf path;
	buf_init_fixed(&path, memory, sizeof memory);
	enum target target = target_expand(&path, template, r->mailbox);
	if (target != TARGET_OK)
		put_deferred(d, pending, r, "4.3.0", str_of(target_sentence(target)),
			     r->mailbox);
	else add_letter(d, root, buf_view(&path), r, job->letter);
}

bool deliver_add(struct deliver *d, const struct deliver_job *job)
{
	if (d->job_count == MAILDIR_BATCH_MAX) deliver_commit(d);
	bool good = job_recipients_count(job->recipients) >= 0;
	struct pending *pending = &d->jobs[d->job_count++];
	pending->job = job->job;
	pending->whole = false;
	struct cur c = cur_of(good ? job->recipients : STR(""));
	for (struct job_recipient r; job_recipient_next(&c, &r);) {
		if (maildir_batch_count(d->batch) == MAILDIR_BATCH_MAX) deliver_commit(d);
		add_recipient(d, job, &r);
	}
	d->jobs[d->job_count - 1].whole = true;
	if (maildir_batch_count(d->batch) == MAILDIR_BATCH_MAX) deliver_commit(d);
	return good;
}
