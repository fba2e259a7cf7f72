/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a message is spool's until it is sent: ranges of its window, or a file that
 * is read piece by piece. It may be sent several times, from its beginning. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deliver/deliver.h"

void body_ask(struct job *job)
{
	if (job->text.state != TEXT_NONE) return;
	job->text.state = TEXT_ASKED;
	if (job->d->spool)
		channel_send_body_want(job->d->spool,
				       &(struct msg_body_want){ job->number });
}

/* Copies the ranges; false if they are not the whole text. */
static bool take_ranges(struct job *job, struct str field)
{
	struct deliver *d = job->d;
	struct text *t = &job->text;
	uint64_t size = 0;
	int count =
		d->window ? window_ranges_get(d->window, field, d->ranges, JOB_RANGES_MAX)
			  : -1;
	for (int i = 0; i < count; i++) size += d->ranges[i].len;
	if (count < 0 || size != job->mail.size) return false;
	t->ranges = t->few;
	if ((size_t)count > sizeof t->few / sizeof *t->few)
		t->ranges = malloc((size_t)count * sizeof *t->ranges);
	if (!t->ranges) return false;
	memcpy(t->ranges, d->ranges, (size_t)count * sizeof *t->ranges);
	t->count = count;
	return true;
}

void body_take(struct job *job, const struct msg_body *m, int fd)
{
	enum { IN_RANGES, IN_FILE };
	struct text *t = &job->text;
	bool good = t->state == TEXT_ASKED;
	if (good && m->result == IN_FILE) {
		t->fd = fd;
		good = fd >= 0;
		fd = -1;
	} else if (good) {
		good = m->result == IN_RANGES && take_ranges(job, m->ranges);
	}
	if (fd >= 0) (void)close(fd);
	t->state = good ? TEXT_HERE : TEXT_BAD;
}

void body_rewind(struct text *t)
{
	t->at = 0;
	t->offset = 0;
	t->sent = 0;
}

static struct str file_piece(struct job *job)
{
	struct text *t = &job->text;
	uint64_t left = job->mail.size - t->sent;
	size_t room = left < DELIVER_READ ? (size_t)left : DELIVER_READ;
	ssize_t got;
	do got = pread(t->fd, job->d->text_buffer, room, (off_t)t->sent);
	while (got < 0 && errno == EINTR);
	return (struct str){ job->d->text_buffer, got > 0 ? (size_t)got : 0 };
}

struct str body_piece(struct job *job)
{
	struct text *t = &job->text;
	assert(t->state == TEXT_HERE);
	if (t->fd >= 0) return file_piece(job);
	while (t->at < t->count && t->offset == t->ranges[t->at].len) {
		t->at++;
		t->offset = 0;
	}
	if (t->at == t->count) return STR("");
	struct window_range range = t->ranges[t->at];
	/* Checked when it came; but spool may have given another window since. */
	const char *at = job->d->window ? window_at(job->d->window, range) : NULL;
	if (!at) return STR("");
	return str_from((struct str){ at, range.len }, t->offset);
}

void body_used(struct text *t, size_t octets)
{
	t->sent += octets;
	t->offset += (uint32_t)octets; /* within one range: a piece is no longer */
}

void body_free(struct text *t)
{
	if (t->fd >= 0) (void)close(t->fd);
	if (t->ranges != t->few) free(t->ranges);
	*t = (struct text){ .fd = -1 };
}
