/* SPDX-License-Identifier: Apache-2.0 */
#include "workload.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* One line of the script. `a`: recipients of an arrival, index of an outcome. */
struct line {
	enum spool_op_kind kind;
	uint64_t id;
	uint32_t a;
	int state;
	int64_t due_ms;
	size_t size;
	uint32_t group;
	bool big;
	bool last; /* of its batch */
};
#define ARRIVE(id_, rcpts_, size_)                                            \
	.kind = SPOOL_OP_ARRIVE, .id = (id_), .a = (rcpts_), .size = (size_), \
	.due_ms = 100
#define OUTCOME(id_, index_, state_, due_)                                       \
	.kind = SPOOL_OP_OUTCOME, .id = (id_), .a = (index_), .state = (state_), \
	.due_ms = (due_)
#define STATE(id_, state_, due_) \
	.kind = SPOOL_OP_STATE, .id = (id_), .state = (state_), .due_ms = (due_)
#define JUST(kind_, id_) .kind = (kind_), .id = (id_)
#define NOTE(number_, size_) .kind = SPOOL_OP_NOTE, .id = (number_), .size = (size_)
#define BIG   .big = true
#define GROUP .group = 1
#define END   .last = true

static const struct line script[] = {
	{ ARRIVE(1, 1, 0), END },
	{ ARRIVE(2, 3, 5000), END },
	{ ARRIVE(3, 1, 70000), BIG, END }, /* S4, S5, S1 */
	{ ARRIVE(4, 2, 100) },
	{ ARRIVE(5, 1, 9000), BIG },
	{ ARRIVE(6, 2, 4000) },
	{ ARRIVE(8, 8, 60000), END },
	{ OUTCOME(2, 0, SPOOL_DEFERRED, 900) },
	{ OUTCOME(2, 1, SPOOL_DELIVERED, 0), END },
	{ OUTCOME(6, 0, SPOOL_FAILED, 0), GROUP },
	{ ARRIVE(7, 1, 3000), GROUP, END },
	{ STATE(4, SPOOL_HELD, 0), END },           /* S1, S3 */
	{ STATE(4, SPOOL_HELD, 900), END },         /* S3 with an end */
	{ OUTCOME(3, 0, SPOOL_DELIVERED, 0), END }, /* S6, S0 */
	{ NOTE(1, 1024) },
	{ NOTE(2, 1), END },
	{ STATE(4, SPOOL_ACTIVE, -1), END },
	{ JUST(SPOOL_OP_DEATH, 8), END },
	{ JUST(SPOOL_OP_DEATH, 8) },
	{ STATE(8, SPOOL_POISON, 0), END }, /* S2 */
	{ .kind = SPOOL_OP_DUE, .id = 2, .due_ms = 50, END },
	{ ARRIVE(9, 1, 20000), BIG },
	{ ARRIVE(10, 1, 12000), BIG },
	{ ARRIVE(11, 1, 800), END },
	{ JUST(SPOOL_OP_REMOVE, 9) },
	{ NOTE(1, 7) },
	{ JUST(SPOOL_OP_REMOVE, 1), END },
	{ OUTCOME(8, 7, SPOOL_DELIVERED, 0) },
	{ STATE(8, SPOOL_ACTIVE, 70), END },
	{ OUTCOME(2, 2, SPOOL_RELAYED, 0) },
	{ OUTCOME(2, 0, SPOOL_EXPIRED, 0), GROUP },
	{ ARRIVE(12, 1, 15000), BIG, GROUP, END },
	{ ARRIVE(13, 1, 400) },
	{ ARRIVE(14, 1, 400) },
	{ ARRIVE(15, 1, 400) },
	{ ARRIVE(16, 1, 400) },
	{ ARRIVE(17, 1, 400) },
	{ ARRIVE(18, 1, 400) },
	{ ARRIVE(19, 2, 262144) },
	{ NOTE(2, 0) },
	{ ARRIVE(20, 1, 400), END },
	{ OUTCOME(6, 1, SPOOL_DELIVERED, 0) },
	{ OUTCOME(7, 0, SPOOL_DELIVERED, 0) },
	{ OUTCOME(12, 0, SPOOL_DELIVERED, 0) },
	{ OUTCOME(19, 0, SPOOL_DEFERRED, 400) },
	{ OUTCOME(13, 0, SPOOL_RELAYED, 0) },
	{ OUTCOME(14, 0, SPOOL_RELAYED, 0) },
	{ JUST(SPOOL_OP_REMOVE, 10) },
	{ JUST(SPOOL_OP_REMOVE, 19), END },
	{ ARRIVE(21, 1, 30000) },
	{ ARRIVE(22, 1, 30000), BIG, END },
};
enum { LINES = sizeof script / sizeof script[0] };

/* Memory of one batch. */
struct batch {
	struct spool_op ops[WORKLOAD_OPS_MAX];
	size_t sizes[WORKLOAD_OPS_MAX];
	struct str spans[WORKLOAD_OPS_MAX][2];
	struct spool_rcpt_new rcpts[WORKLOAD_OPS_MAX][MODEL_RCPTS];
	size_t count;
	char bodies[2 << 20];
	size_t bodies_len;
};

static void make_arrival(struct store *s, struct batch *b, const struct line *line)
{
	struct spool_op *op = &b->ops[b->count];
	struct str *spans = b->spans[b->count];
	char *body = b->bodies + b->bodies_len;
	assert(line->size <= sizeof b->bodies - b->bodies_len && line->a <= MODEL_RCPTS);
	b->bodies_len += line->size;
	for (size_t i = 0; i < line->size; i++) body[i] = model_byte(line->id, i);
	spans[0] = (struct str){ body, line->size / 3 };
	spans[1] = (struct str){ body + line->size / 3, line->size - line->size / 3 };
	for (uint32_t i = 0; i < line->a; i++)
		b->rcpts[b->count][i] = (struct spool_rcpt_new){ STR("r@x.example"),
								  line->due_ms + i };
	op->arrive = (struct spool_arrive){ .arrived_ms = 1, .envelope = STR("envelope"),
		.rcpts = b->rcpts[b->count], .rcpts_count = line->a };
	if (!line->big) {
		op->arrive.spans = spans;
		op->arrive.spans_count = 2;
		return;
	}
	op->result = store_big_begin(s, &op->arrive.big);
	if (!op->result) op->result = store_big_append(s, op->arrive.big, spans, 2);
}

static struct spool_note make_note(const struct line *line)
{
	static const struct str keys[] = { STR_INIT("note-0"), STR_INIT("note-1"),
					   STR_INIT("note-2") };
	static const char text[SPOOL_NOTE_VALUE_MAX];
	return (struct spool_note){ keys[line->id], { text, line->size } };
}

static void make_op(struct store *s, struct batch *b, const struct line *line)
{
	struct spool_op *op = &b->ops[b->count];
	assert(b->count < WORKLOAD_OPS_MAX);
	b->sizes[b->count] = line->size;
	*op = (struct spool_op){ .kind = line->kind,
				 .id = line->id,
				 .group = line->group };
	switch (line->kind) {
	case SPOOL_OP_ARRIVE:
		make_arrival(s, b, line);
		break;
	case SPOOL_OP_OUTCOME:
		op->outcome = (struct spool_outcome){
			.index = line->a,
			.attempts = 1,
			.state = (enum spool_rcpt_state)line->state,
			.next_due_ms = line->due_ms,
			.last_ms = 5,
			.host = STR("mx"),
			.reply = STR("250 ok")
		};
		break;
	case SPOOL_OP_STATE:
		op->state = (struct spool_set_state){
			.next_due_ms = line->due_ms,
			.state = (enum spool_msg_state)line->state,
			.reason = STR("why")
		};
		break;
	case SPOOL_OP_DUE:
	case SPOOL_OP_UNLIST:
		op->next_due_ms = line->due_ms;
		break;
	case SPOOL_OP_NOTE:
		op->note = make_note(line);
		break;
	case SPOOL_OP_DEATH:
	case SPOOL_OP_REMOVE:
		break;
	}
	b->count++;
}

/* An operation can be in doubt only if it made sense at all. */
static bool makes_sense(const struct model *m, const struct spool_op *op)
{
	const struct model_msg *msg = &m->msgs[op->id];
	if (op->kind == SPOOL_OP_ARRIVE) return !msg->present;
	if (op->kind == SPOOL_OP_NOTE) return op->note.value.len || m->notes[op->id];
	if (op->kind == SPOOL_OP_OUTCOME)
		return msg->present &&
		       spool_rcpt_is_open(msg->rcpt[op->outcome.index].state);
	return msg->present;
}

static void settle(struct store *s, struct workload_run *run, struct batch *b)
{
	struct model *now = &run->models[run->batches + 1];
	*now = run->models[run->batches];
	bool doubt = false, arrivals = false;
	for (size_t i = 0; i < b->count; i++) {
		if (b->ops[i].result == -EIO) doubt = true;
		if (b->ops[i].kind == SPOOL_OP_ARRIVE) arrivals = true;
	}
	if (doubt && !run->in_doubt) {
		run->in_doubt = true;
		run->doubt = *now;
		for (size_t i = 0; i < b->count; i++) {
			bool done = b->ops[i].result == 0 || b->ops[i].result == -EIO;
			if (done && makes_sense(&run->doubt, &b->ops[i]))
				model_apply(&run->doubt, &b->ops[i], b->sizes[i]);
		}
	}
	for (size_t i = 0; i < b->count; i++) {
		struct spool_op *op = &b->ops[i];
		if (!op->result) model_apply(now, op, b->sizes[i]);
		if (op->result) run->refused++;
		if (op->result && arrivals && op->kind != SPOOL_OP_ARRIVE &&
		    !op->group && makes_sense(now, op))
			run->refused_others++;
		if (op->kind == SPOOL_OP_ARRIVE) store_big_abort(s, op->arrive.big);
	}
}

void workload_run(struct store *s, struct workload_run *run, size_t clock(void *ctx),
		  void *ctx)
{
	static struct batch b;
	*run = (struct workload_run){ 0 };
	b.count = b.bodies_len = 0;
	for (size_t i = 0; i < LINES; i++) {
		make_op(s, &b, &script[i]);
		/* A big body that could not be streamed is not committed by any role. */
		if (b.ops[b.count - 1].result) {
			run->refused++;
			store_big_abort(s, b.ops[b.count - 1].arrive.big);
			bool grouped = b.ops[--b.count].group != 0;
			while (grouped && b.count && b.ops[b.count - 1].group) b.count--;
		}
		if (!script[i].last) continue;
		store_commit(s, b.ops, b.count);
		settle(s, run, &b);
		run->acked_at[run->batches++] = clock(ctx);
		assert(run->batches < WORKLOAD_BATCHES_MAX);
		b.count = b.bodies_len = 0;
	}
}
