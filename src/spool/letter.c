/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that the service itself writes, to one recipient: how it arrives. */
#include "spool/spool.h"

#include "lib/mail/envelope.h"

struct spool_op *letter_arrive(struct spool *s, uint64_t id, const struct envelope *e,
			       const struct str *spans, size_t count, struct note **note)
{
	struct arena *arena;
	struct spool_op *op = commit_op(s, note, &arena);
	if (!op) return NULL;
	struct buf record;
	buf_init(&record, SPOOL_ENVELOPE_MAX);
	envelope_encode(&record, e);
	struct spool_rcpt_new *to = arena_alloc(arena, sizeof *to);
	struct str kept = arena_str(arena, buf_view(&record));
	bool good = !record.overflowed && kept.at && to;
	buf_free(&record);
	if (good) *to = (struct spool_rcpt_new){ arena_str(arena, e->rcpts->address), e->arrived_ms };
	if (!good || !to->address.at) {
		commit_undo(s);
		return NULL;
	}
	op->kind = SPOOL_OP_ARRIVE;
	op->id = id;
	op->arrive = (struct spool_arrive){ .arrived_ms = e->arrived_ms, .state = SPOOL_ACTIVE,
		.envelope = kept, .rcpts = to, .rcpts_count = 1,
		.spans = spans, .spans_count = count };
	return op;
}
