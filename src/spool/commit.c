/* SPDX-License-Identifier: Apache-2.0 */
/* A batch becomes one transaction. If it does not fit, everything that is not an arrival
 * goes first and arrivals follow in halves, so that a full disk never keeps the spool
 * from noting what is done (docs/spool.md, "A full disk"). */
#include <assert.h>
#include <errno.h>

#include "spool/apply.h"
#include "spool/kvstore.h"

int kvstore_usable(const struct kvstore *ks) { return atomic_load(&ks->error); }

void kvstore_break(struct kvstore *ks, int error)
{
	int none = 0;
	(void)atomic_compare_exchange_strong(&ks->error, &none, error);
}

struct batch {
	struct kvstore *ks;
	struct spool_op *ops;
	size_t count;
	struct unit *units; /* others before arrivals once it did not fit */
	size_t units_count;
};

static bool has_big(const struct spool_op *op)
{
	return op->kind == SPOOL_OP_ARRIVE && op->arrive.big;
}

static void fail_from(struct spool_op *ops, size_t count, int error)
{
	for (size_t i = 0; i < count; i++) ops[i].result = error;
}

/* The one that failed keeps its error, the others fall with it. */
static void group_fails(struct spool_op *ops, const struct unit *u, size_t failed)
{
	for (size_t i = u->first; i < u->first + u->count; i++)
		if (i != failed) ops[i].result = -ECANCELED;
}

static void units_make(struct batch *b)
{
	b->units_count = 0;
	for (size_t i = 0; i < b->count;) {
		struct unit u = { .first = (uint32_t)i };
		do {
			if (b->ops[i].kind == SPOOL_OP_ARRIVE) u.arrival = true;
			u.count++;
			i++;
		} while (i < b->count && b->ops[i].group &&
			 b->ops[i].group == b->ops[u.first].group);
		b->units[b->units_count++] = u;
	}
}

/* Syncs and renames big bodies. A unit whose body fails leaves the batch. */
static int bigs_seal(struct batch *b)
{
	size_t kept = 0, sealed = 0;
	for (size_t n = 0; n < b->units_count; n++) {
		struct unit u = b->units[n];
		bool good = true;
		for (size_t i = u.first; good && i < u.first + u.count; i++) {
			struct spool_op *op = &b->ops[i];
			if (!has_big(op)) continue;
			int r = big_seal(b->ks, op->arrive.big, op->id);
			if (r == -EIO) return -EIO;
			sealed++;
			if (!r) continue;
			good = false;
			op->result = r;
			group_fails(b->ops, &u, i);
		}
		if (good) b->units[kept++] = u;
	}
	b->units_count = kept;
	return sealed ? b->ks->files->sync_folder(b->ks->env, "big") : 0;
}

/* After the transactions: bodies of arrivals that are in the spool are consumed, others
 * get their first name back. While that is unknown, nothing is touched. */
static void bigs_settle(struct batch *b)
{
	bool broken = kvstore_usable(b->ks) != 0;
	for (size_t i = 0; i < b->count; i++) {
		struct spool_op *op = &b->ops[i];
		if (!has_big(op)) continue;
		if (!op->result) {
			big_consume(b->ks, op->arrive.big);
			op->arrive.big = NULL;
		} else if (broken) {
			op->arrive.big->state = BIG_IN_DOUBT;
		} else {
			big_unseal(b->ks, op->arrive.big);
		}
	}
}

static uint64_t arrivals_size(const struct batch *b, size_t from, size_t to)
{
	uint64_t sum = 0;
	for (size_t n = from; n < to; n++) {
		if (!b->units[n].arrival) continue;
		for (size_t i = b->units[n].first;
		     i < b->units[n].first + b->units[n].count; i++) {
			const struct spool_op *op = &b->ops[i];
			if (op->kind != SPOOL_OP_ARRIVE) continue;
			sum += 2 * (op->arrive.envelope.len + 4096) +
			       (uint64_t)op->arrive.rcpts_count * 2 * 256;
			for (size_t s = 0; s < op->arrive.spans_count; s++)
				sum += op->arrive.spans[s].len;
		}
	}
	return sum;
}

/* One unit; 0, also if it was refused, or an error of the engine. */
static int unit_apply(struct apply *a, struct spool_op *ops, const struct unit *u)
{
	if (u->count == 1) return apply_op(a, &ops[u->first]);
	struct spool_totals totals = a->totals;
	size_t unlinks_count = a->unlinks_count;
	bool recount = a->recount;
	int r = apply_settle(a); /* what was before the group outlives it */
	if (!r) r = a->kv->engine->save(a->kv);
	if (r) return r;
	for (size_t i = u->first; i < u->first + u->count; i++) {
		r = apply_op(a, &ops[i]);
		if (!r && !ops[i].result) continue;
		a->kv->engine->save_undo(a->kv);
		if (r) return r;
		a->held.msg.id = 0;
		a->totals = totals;
		a->unlinks_count = unlinks_count;
		a->recount = recount;
		group_fails(ops, u, i);
		return 0;
	}
	return a->kv->engine->save_keep(a->kv);
}

/* Units [from, to) in one transaction, or an error. */
static int units_apply(struct batch *b, size_t from, size_t to)
{
	struct kvstore *ks = b->ks;
	struct apply a = { .scratch = &ks->scratch, .unlinks = ks->unlinks };
	int r = ks->engine->write_begin(ks->env, arrivals_size(b, from, to), &a.kv);
	if (r) return r;
	r = apply_begin(&a);
	for (size_t n = from; !r && n < to; n++) r = unit_apply(&a, b->ops, &b->units[n]);
	if (!r) r = apply_end(&a);
	if (r) {
		ks->engine->write_abort(a.kv);
		return r;
	}
	r = ks->engine->write_commit(a.kv);
	for (size_t i = 0; !r && i < a.unlinks_count; i++) {
		char name[BIG_NAME_MAX];
		big_name(name, a.unlinks[i]);
		/* What stays here is an orphan, swept at the next start. */
		(void)ks->files->unlink(ks->env, name);
	}
	return r;
}

/* The same; on an error nothing of them is done and no result stands. */
static int units_try(struct batch *b, size_t from, size_t to)
{
	int r = from < to ? units_apply(b, from, to) : 0;
	for (size_t n = from; r && n < to; n++)
		fail_from(b->ops + b->units[n].first, b->units[n].count, -EINPROGRESS);
	return r;
}

static bool did_not_fit(int r) { return r == -ENOSPC || r == -ENOMEM; }

/* Halves until all is done or what does not fit stands alone. Fatal error or 0. */
static int units_split(struct batch *b, size_t from, size_t to)
{
	int r = units_try(b, from, to);
	if (!did_not_fit(r)) return r;
	if (to - from == 1) {
		fail_from(b->ops + b->units[from].first, b->units[from].count, r);
		return 0;
	}
	size_t middle = from + (to - from) / 2;
	r = units_split(b, from, middle);
	return r ? r : units_split(b, middle, to);
}

/* Stable: others first, then arrivals. Returns how many others. */
static size_t units_sort(struct batch *b)
{
	size_t others = 0;
	for (size_t n = 0; n < b->units_count; n++) {
		if (b->units[n].arrival) continue;
		struct unit u = b->units[n];
		for (size_t i = n; i > others; i--) b->units[i] = b->units[i - 1];
		b->units[others++] = u;
	}
	return others;
}

static int batch_run(struct batch *b)
{
	int r = units_try(b, 0, b->units_count);
	if (!did_not_fit(r)) return r;
	if (b->units_count == 1) {
		fail_from(b->ops + b->units[0].first, b->units[0].count, r);
		return 0;
	}
	size_t others = units_sort(b);
	r = others ? units_split(b, 0, others) : 0;
	if (r || others == b->units_count) return r;
	return units_split(b, others, b->units_count);
}

/* Everything that has not been done gets the error. Units that were committed before it
 * struck keep their results: they are durable. */
static void batch_breaks(struct batch *b, int error)
{
	kvstore_break(b->ks, error);
	for (size_t i = 0; i < b->count; i++)
		if (b->ops[i].result == -EINPROGRESS) b->ops[i].result = -EIO;
}

void kvstore_commit(struct store *s, struct spool_op *ops, size_t count)
{
	struct kvstore *ks = (struct kvstore *)(void *)s;
	struct batch b = { .ks = ks, .ops = ops, .count = count, .units = ks->units };
	assert(count <= SPOOL_BATCH_MAX);
	if (ks->read_only || kvstore_usable(ks)) {
		fail_from(ops, count, ks->read_only ? -EROFS : -EIO);
		return;
	}
	fail_from(ops, count, -EINPROGRESS);
	units_make(&b);
	int r = bigs_seal(&b);
	if (!r) r = batch_run(&b);
	if (r) batch_breaks(&b, r);
	bigs_settle(&b);
}
