/* SPDX-License-Identifier: Apache-2.0 */
/* The text of messages in our window: read once for all parts of a message that are under
 * way, and given back with the last of them. */
#include "spool/spool.h"

#include <errno.h>
#include <unistd.h>

/* Relays may hold on to the window for as long as their peers are slow; this much of it
 * is never theirs. */
enum { WINDOW_RESERVE = SPOOL_WINDOW / WINDOW_BLOCK / 4 };

static void ranges_give(struct spool *s, struct job *job)
{
	for (size_t i = 0; i < job->range_count; i++) window_give(s->window, job->ranges[i].offset);
	job->range_count = 0;
}

/* Copies the text into our window. -ENOBUFS: no room now. */
int text_load(struct spool *s, struct job *job)
{
	size_t blocks = (size_t)job->size / WINDOW_BLOCK + 1;
	uint32_t crc = 0;
	if (window_free_blocks(s->window) < blocks) return -ENOBUFS;
	if (!job->ranges) job->ranges = arena_alloc(&job->arena, blocks * sizeof *job->ranges);
	if (!job->ranges) return -ENOMEM;
	for (uint64_t offset = 0; job->range_count < blocks;) {
		struct window_range range = { (uint32_t)window_take(s->window), WINDOW_BLOCK };
		size_t got;
		int error = store_read_body(s->store, job->id, offset, window_at(s->window, range),
			WINDOW_BLOCK, &crc, &got);
		range.len = error ? 0 : (uint32_t)got;
		job->ranges[job->range_count++] = range;
		if (error) {
			ranges_give(s, job);
			return error;
		}
		offset += got;
		if (got < WINDOW_BLOCK) break;
	}
	return 0;
}

int text_take(struct spool *s, struct part *part, struct buf *list)
{
	struct job *job = part->job;
	int error = job->readers > 0 ? 0 : text_load(s, job);
	if (error) return error;
	if (!part->has_text) job->readers++;
	part->has_text = true;
	window_ranges_put(list, job->ranges, job->range_count);
	return 0;
}

void text_give(struct spool *s, struct part *part)
{
	if (!part->has_text) return;
	part->has_text = false;
	if (--part->job->readers == 0) ranges_give(s, part->job);
}

/* --- a worker asks ----------------------------------------------------------------------- */

static int want_big(struct spool *s, struct part *part, struct channel *ch)
{
	if (s->big_count == SPOOL_BIG_JOBS_MAX) return -ENOBUFS;
	int fd = store_open_big(s->store, part->job->id);
	if (fd < 0) return fd;
	part->big = true;
	s->big_count++;
	channel_send_body_fd(ch, &(struct msg_body){ .job = part->number, .result = 1 }, fd);
	(void)close(fd);
	return 0;
}

static int want_serve(struct spool *s, struct part *part)
{
	struct channel *ch = frame_peer(s->frame, part->role, part->worker);
	struct job *job = part->job;
	if (!ch) return 0;
	if (job->body == SPOOL_BODY_BIG) return want_big(s, part, ch);
	if (job->readers == 0 &&
	    window_free_blocks(s->window) < WINDOW_RESERVE + job->size / WINDOW_BLOCK + 1)
		return -ENOBUFS;
	struct buf ranges;
	buf_init(&ranges, SPOOL_WINDOW);
	int error = text_take(s, part, &ranges);
	if (!error)
		channel_send_body(ch, &(struct msg_body){ .job = part->number,
			.ranges = buf_view(&ranges), .result = 0 });
	buf_free(&ranges);
	return error;
}

/* It will not come: the worker ends the job without it. A damaged text parks its message
 * when everything that is away has come back. */
static void want_refuse(struct spool *s, struct part *part, int error)
{
	struct channel *ch = frame_peer(s->frame, part->role, part->worker);
	watch_error(s, error, error == -EBADMSG ? "a message is damaged" : "a message could not be read");
	if (ch) channel_send_body(ch, &(struct msg_body){ .job = part->number, .result = 2 });
	if (error != -EBADMSG) return;
	job_leave_lines(s, part->job);
	outcome_park(s, part->job, STR("the message is damaged on disk"));
}

void text_wanted(struct spool *s, unsigned worker, uint64_t number)
{
	struct part *part = map_get(&s->parts, number);
	if (!part || part->role != ROLE_DELIVER || part->worker != worker || part->has_text ||
	    part->big || link_is_in(&part->want))
		return;
	/* Texts in the window and descriptors are two queues: neither waits for the other. */
	struct link *queue = part->job->body == SPOOL_BODY_BIG ? &s->big_wants : &s->wants;
	int error = list_empty(queue) ? want_serve(s, part) : -ENOBUFS;
	if (error == -ENOBUFS) list_add_tail(queue, &part->want);
	else if (error) want_refuse(s, part, error);
}

static void serve_queue(struct spool *s, struct link *queue)
{
	LIST_EACH(it, queue) {
		struct part *part = CONTAINER(it, struct part, want);
		int error = want_serve(s, part);
		if (error == -ENOBUFS) return;
		link_remove(&part->want);
		if (error) want_refuse(s, part, error);
	}
}

void text_serve_wants(struct spool *s)
{
	serve_queue(s, &s->wants);
	serve_queue(s, &s->big_wants);
}
