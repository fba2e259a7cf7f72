/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

void folder_remove(const char *folder)
{
	(void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int setup(void **state, const struct store_backend *backend)
{
	struct fixture *f = calloc(1, sizeof *f);
	if (!f) return -1;
	f->backend = backend;
	arena_init(&f->arena, 1 << 20);
	(void)snprintf(f->folder, sizeof f->folder, "/tmp/ims-spool-XXXXXX");
	if (backend == &store_mem) f->disk = fake_disk_new(false);
	else if (!mkdtemp(f->folder)) return -1;
	f->options.disk = f->disk;
	*state = f;
	return store_open(backend, f->folder, &f->options, &f->store);
}

int fixture_setup_lmdb(void **state) { return setup(state, &store_lmdb); }
int fixture_setup_mem(void **state) { return setup(state, &store_mem); }

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	if (f->disk) fake_disk_free(f->disk);
	else folder_remove(f->folder);
	arena_free(&f->arena);
	free(f);
	return 0;
}

void fixture_reopen(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
	assert_int_equal(store_open(f->backend, f->folder, &f->options, &f->store), 0);
}

struct kvstore *fixture_kv(struct fixture *f)
{
	return (struct kvstore *)(void *)f->store;
}

struct spool_op arrive(uint64_t id, uint32_t rcpts, struct str body)
{
	static struct spool_rcpt_new list[SPOOL_RCPTS_MAX + 1];
	static char names[64][16];
	static struct str spans[64];
	static unsigned next;
	struct str *span = &spans[next++ % 64];
	for (uint32_t i = 0; i < rcpts && i <= SPOOL_RCPTS_MAX; i++) {
		(void)snprintf(names[i % 64], sizeof names[0], "r%u@x.example", i % 64);
		list[i] = (struct spool_rcpt_new){ str_of(names[i % 64]), 1000 + i };
	}
	*span = body;
	return (struct spool_op){ .kind = SPOOL_OP_ARRIVE,
				  .id = id,
				  .result = 77,
				  .arrive = { .arrived_ms = 500,
					      .priority = 3,
					      .envelope = STR("an envelope"),
					      .rcpts = list,
					      .rcpts_count = rcpts,
					      .spans = span,
					      .spans_count = 1 } };
}

struct spool_op outcome(uint64_t id, uint32_t index, enum spool_rcpt_state state,
			int64_t due)
{
	return (struct spool_op){ .kind = SPOOL_OP_OUTCOME,
				  .id = id,
				  .result = 77,
				  .outcome = { .index = index,
					       .state = state,
					       .attempts = 4,
					       .next_due_ms = due,
					       .last_ms = 900,
					       .host = STR("mx.example"),
					       .reply = STR("451 later"),
					       .dsn = STR("4.3.0") } };
}

struct spool_op set_state(uint64_t id, enum spool_msg_state state, int64_t due)
{
	return (struct spool_op){
		.kind = SPOOL_OP_STATE,
		.id = id,
		.result = 77,
		.state = { .state = state, .next_due_ms = due, .reason = STR("a reason") }
	};
}

struct spool_op just(enum spool_op_kind kind, uint64_t id)
{
	return (struct spool_op){ .kind = kind, .id = id, .result = 77 };
}

int commit1(struct fixture *f, struct spool_op op)
{
	store_commit(f->store, &op, 1);
	return op.result;
}

struct spool_msg msg_of(struct fixture *f, uint64_t id)
{
	struct spool_msg msg;
	assert_int_equal(store_read_msg(f->store, id, &f->arena, &msg), 0);
	return msg;
}

static int rcpt_copy(void *ctx, const struct spool_rcpt *rcpt)
{
	static char texts[4][2048];
	struct spool_rcpt *out = ctx;
	struct str *in[] = { &out->address, &out->host, &out->reply, &out->dsn };
	*out = *rcpt;
	for (unsigned i = 0; i < 4; i++) {
		memcpy(texts[i], in[i]->at, in[i]->len);
		in[i]->at = texts[i];
	}
	return 0;
}

struct spool_rcpt rcpt_of(struct fixture *f, uint64_t id, uint32_t index)
{
	struct spool_rcpt rcpt = { .index = UINT32_MAX };
	assert_int_equal(store_read_rcpts(f->store, id, index, 1, rcpt_copy, &rcpt), 0);
	assert_int_equal(rcpt.index, index);
	return rcpt;
}

struct spool_totals totals_of(struct fixture *f)
{
	struct spool_totals t;
	assert_int_equal(store_totals(f->store, &t), 0);
	return t;
}

static int due_one(void *ctx, struct spool_due due)
{
	struct buf *b = ctx;
	buf_fmt(b, "%s%llu", b->len ? " " : "", (unsigned long long)due.id);
	return 0;
}

const char *due_text(struct fixture *f, int64_t now)
{
	static char text[1024];
	struct buf b;
	struct spool_due from = { 0 };
	buf_init_fixed(&b, text, sizeof text - 1);
	assert_int_equal(store_due_list(f->store, now, &from, 100, due_one, &b), 0);
	text[b.len] = '\0';
	return text;
}

static int verify_one(void *ctx, const struct spool_finding *finding)
{
	struct buf *b = ctx;
	buf_fmt(b, "%s%.*s:%llu", b->len ? " " : "",
		STR_ARG(spool_finding_name(finding->kind)),
		(unsigned long long)finding->id);
	assert_int_equal(finding->harmless, finding->kind == SPOOL_BIG_ORPHAN);
	return 0;
}

const char *verify_text(struct fixture *f)
{
	static char text[4096];
	struct buf b;
	buf_init_fixed(&b, text, sizeof text - 1);
	assert_int_equal(store_verify(f->store, true, verify_one, &b), 0);
	text[b.len] = '\0';
	return text;
}
