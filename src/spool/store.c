/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/store.h"

#include <assert.h>

struct str spool_msg_state_name(enum spool_msg_state state)
{
	static const struct str names[SPOOL_MSG_STATES] = { STR_INIT("active"),
							    STR_INIT("held"),
							    STR_INIT("poison") };
	assert((unsigned)state < SPOOL_MSG_STATES);
	return names[state];
}

struct str spool_rcpt_state_name(enum spool_rcpt_state state)
{
	static const struct str names[SPOOL_RCPT_STATES] = {
		STR_INIT("pending"), STR_INIT("deferred"), STR_INIT("delivered"),
		STR_INIT("relayed"), STR_INIT("failed"),   STR_INIT("expired"),
	};
	assert((unsigned)state < SPOOL_RCPT_STATES);
	return names[state];
}

struct str spool_finding_name(enum spool_finding_kind kind)
{
	static const struct str names[SPOOL_FINDINGS] = {
		[SPOOL_BAD_MSG] = STR_INIT("bad-message"),
		[SPOOL_BAD_RCPT] = STR_INIT("bad-recipient"),
		[SPOOL_BAD_COUNTS] = STR_INIT("bad-counts"),
		[SPOOL_BODY_MISSING] = STR_INIT("body-missing"),
		[SPOOL_BODY_CRC] = STR_INIT("body-crc"),
		[SPOOL_BODY_ORPHAN] = STR_INIT("body-orphan"),
		[SPOOL_RCPT_ORPHAN] = STR_INIT("recipient-orphan"),
		[SPOOL_DUE_MISSING] = STR_INIT("due-missing"),
		[SPOOL_DUE_ORPHAN] = STR_INIT("due-orphan"),
		[SPOOL_BAD_TOTALS] = STR_INIT("bad-totals"),
		[SPOOL_BAD_NOTE] = STR_INIT("bad-note"),
		[SPOOL_BIG_ORPHAN] = STR_INIT("big-orphan"),
	};
	assert((unsigned)kind < SPOOL_FINDINGS);
	return names[kind];
}

int store_open(const struct store_backend *backend, const char *path,
	       const struct store_options *options, struct store **out)
{
	*out = NULL;
	return backend->open(path, options, out);
}

void store_close(struct store *s)
{
	if (s) s->backend->close(s);
}

void store_commit(struct store *s, struct spool_op *ops, size_t count)
{
	s->backend->commit(s, ops, count);
}

int store_big_begin(struct store *s, struct spool_big **out)
{
	return s->backend->big_begin(s, out);
}

int store_big_append(struct store *s, struct spool_big *big, const struct str *spans,
		     size_t count)
{
	return s->backend->big_append(s, big, spans, count);
}

void store_big_abort(struct store *s, struct spool_big *big)
{
	s->backend->big_abort(s, big);
}

int store_read_msg(struct store *s, uint64_t id, struct arena *arena,
		   struct spool_msg *out)
{
	return s->backend->read_msg(s, id, arena, out);
}

int store_read_rcpts(struct store *s, uint64_t id, uint32_t from, uint32_t limit,
		     spool_rcpt_fn *fn, void *ctx)
{
	return s->backend->read_rcpts(s, id, from, limit, fn, ctx);
}

int store_read_body(struct store *s, uint64_t id, uint64_t offset, void *memory,
		    size_t len, uint32_t *crc, size_t *got)
{
	return s->backend->read_body(s, id, offset, memory, len, crc, got);
}

int store_open_big(struct store *s, uint64_t id) { return s->backend->open_big(s, id); }

int store_due_list(struct store *s, int64_t now_ms, struct spool_due *from, size_t limit,
		   spool_due_fn *fn, void *ctx)
{
	return s->backend->due_list(s, now_ms, from, limit, fn, ctx);
}

int store_walk(struct store *s, uint64_t from, size_t limit, spool_msg_fn *fn, void *ctx)
{
	return s->backend->walk(s, from, limit, fn, ctx);
}

int store_walk_rcpts(struct store *s, uint64_t from, size_t limit,
		     const struct spool_walk *walk)
{
	return s->backend->walk_rcpts(s, from, limit, walk);
}

int store_notes(struct store *s, struct str prefix, spool_note_fn *fn, void *ctx)
{
	return s->backend->notes(s, prefix, fn, ctx);
}

int store_totals(struct store *s, struct spool_totals *out)
{
	return s->backend->totals(s, out);
}

void store_health(struct store *s, struct spool_health *out)
{
	s->backend->health(s, out);
}

int store_verify(struct store *s, bool bodies, spool_finding_fn *fn, void *ctx)
{
	return s->backend->verify(s, bodies, fn, ctx);
}

int store_backup(struct store *s, const char *folder)
{
	return s->backend->backup(s, folder);
}

int store_compact(const struct store_backend *backend, const char *path,
		  const struct store_options *options)
{
	return backend->compact(path, options);
}

void store_trim(struct store *s) { s->backend->trim(s); }
