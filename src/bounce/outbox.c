/* SPDX-License-Identifier: Apache-2.0 */
#include "bounce/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool outbox_init(struct outbox *o, size_t window_size, outbox_told_fn *told, void *arg)
{
	*o = (struct outbox){ .told = told, .arg = arg };
	o->window = window_new(window_size);
	o->list = calloc(OUTBOX_MAX, sizeof *o->list);
	if (o->window && o->list) return true;
	outbox_free(o);
	return false;
}

void outbox_free(struct outbox *o)
{
	if (o->list) outbox_clear(o);
	window_free(o->window);
	free(o->list);
	*o = (struct outbox){ 0 };
}

static size_t find(const struct outbox *o, uint64_t job)
{
	size_t i = 0;
	while (i < o->count && o->list[i].job != job) i++;
	return i;
}

bool outbox_has(const struct outbox *o, uint64_t job) { return find(o, job) < o->count; }
bool outbox_is_full(const struct outbox *o) { return o->count == OUTBOX_MAX; }

/* Copies the text into blocks of the window; false if there are too few. */
static bool place(struct outbox *o, struct outbox_entry *e)
{
	struct str text = buf_view(&e->text);
	size_t blocks = (text.len + WINDOW_BLOCK - 1) / WINDOW_BLOCK;
	if (window_free_blocks(o->window) < blocks) return false;
	while (text.len) {
		size_t len = text.len < WINDOW_BLOCK ? text.len : WINDOW_BLOCK;
		struct window_range r = { (uint32_t)window_take(o->window), (uint32_t)len };
		memcpy(window_at(o->window, r), text.at, len);
		e->ranges[e->range_count++] = r;
		text = str_from(text, len);
	}
	return true;
}

/* In order, so that a large report is not overtaken for ever. */
static void place_waiting(struct outbox *o)
{
	for (size_t i = 0; i < o->count; i++) {
		struct outbox_entry *e = &o->list[i];
		uint64_t size = e->text.len;
		if (size == 0) continue;
		if (!place(o, e)) return;
		buf_free(&e->text);
		o->told(o->arg, e, size);
	}
}

void outbox_add(struct outbox *o, uint64_t job, struct buf *text)
{
	assert(!outbox_is_full(o) && !outbox_has(o, job));
	assert(text->len > 0 && text->len <= DSN_REPORT_MAX && !text->fixed);
	o->list[o->count++] = (struct outbox_entry){ .job = job, .text = *text };
	buf_init(text, text->max);
	place_waiting(o);
}

static void entry_drop(struct outbox *o, struct outbox_entry *e)
{
	buf_free(&e->text);
	for (size_t i = 0; i < e->range_count; i++) window_give(o->window, e->ranges[i].offset);
	e->range_count = 0;
}

void outbox_remove(struct outbox *o, uint64_t job)
{
	size_t at = find(o, job);
	if (at == o->count) return;
	entry_drop(o, &o->list[at]);
	o->count--;
	memmove(&o->list[at], &o->list[at + 1], (o->count - at) * sizeof *o->list);
	place_waiting(o);
}

void outbox_clear(struct outbox *o)
{
	for (size_t i = 0; i < o->count; i++) entry_drop(o, &o->list[i]);
	o->count = 0;
}
