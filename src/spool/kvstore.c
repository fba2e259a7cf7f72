/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/kvstore.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/cur.h"
#include "spool/apply.h"
#include "spool/record.h"

static const struct str key_schema = STR_INIT("schema");

int kvstore_schema_write(struct kv *kv)
{
	char bytes[128];
	struct buf b;
	struct spool_totals none = { 0 };
	buf_init_fixed(&b, bytes, sizeof bytes);
	buf_put_u32(&b, SPOOL_SCHEMA);
	int r = kv_put(kv, KV_META, key_schema, buf_view(&b));
	buf_reset(&b);
	record_put_totals(&b, &none);
	return r ? r : kv_put(kv, KV_META, STR("totals"), buf_view(&b));
}

/* -EPROTO: another version, or no schema at all. `good`: the totals can be used. */
static int schema_check(struct kvstore *ks, bool *good)
{
	struct kv *kv;
	struct str value;
	struct spool_totals totals;
	int r = ks->engine->read_begin(ks->env, &kv);
	if (r) return r;
	r = kv_get(kv, KV_META, key_schema, &value);
	if (!r) {
		struct cur c = cur_of(value);
		if (cur_u32(&c) != SPOOL_SCHEMA || !cur_done(&c)) r = -EPROTO;
	}
	if (r == -ENOENT) r = -EPROTO;
	*good = totals_read(kv, &totals);
	ks->engine->read_end(kv);
	return r;
}

static int totals_renew(struct kvstore *ks)
{
	struct apply a = { .scratch = &ks->scratch };
	int r = ks->engine->write_begin(ks->env, 0, &a.kv);
	if (r) return r;
	r = kv_del(a.kv, KV_META, STR("recount"));
	if (r == -ENOENT) r = 0;
	if (!r) r = totals_count(a.kv, &a.totals);
	if (!r) r = apply_end(&a);
	if (!r) return ks->engine->write_commit(a.kv);
	ks->engine->write_abort(a.kv);
	return r;
}

int kvstore_start(struct kvstore *ks)
{
	bool good;
	atomic_init(&ks->error, 0);
	atomic_init(&ks->bigs, 0);
	buf_init(&ks->scratch, RECORD_MAX);
	ks->piece = malloc(BIG_PIECE);
	ks->units = calloc(SPOOL_BATCH_MAX, sizeof *ks->units);
	ks->unlinks = calloc(SPOOL_BATCH_MAX, sizeof *ks->unlinks);
	if (!ks->piece || !ks->units || !ks->unlinks) return -ENOMEM;
	int r = schema_check(ks, &good);
	if (r || ks->read_only) return r;
	r = big_sweep(ks);
	return r || good ? r : totals_renew(ks);
}

void kvstore_stop(struct kvstore *ks)
{
	buf_free(&ks->scratch);
	free(ks->piece);
	free(ks->units);
	free(ks->unlinks);
}
