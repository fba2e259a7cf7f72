/* SPDX-License-Identifier: Apache-2.0 */
/* Damage: verify names it, reads refuse it, operations get past it. */
#include "fixture.h"

#include <errno.h>
#include <string.h>

#include "spool/record.h"

enum action { DEL, FLIP, CUT, ADD };
enum which { MSG, RCPT0, RCPT_NEXT, BODY, BODY_OTHER, DUE, DUE_OTHER, TOTALS, NOTE };

static struct key key_of(enum which which, enum kv_table *table)
{
	switch (which) {
	case MSG:        *table = KV_MSG;  return key_of_id(1);
	case RCPT0:      *table = KV_RCPT; return key_of_rcpt(1, 0);
	case RCPT_NEXT:  *table = KV_RCPT; return key_of_rcpt(1, 2);
	case BODY:       *table = KV_BODY; return key_of_id(1);
	case BODY_OTHER: *table = KV_BODY; return key_of_id(8);
	case DUE: *table = KV_DUE; return key_of_due((struct spool_due){ 1000, 1 });
	case DUE_OTHER:  *table = KV_DUE;  return key_of_due((struct spool_due){ 77, 1 });
	case TOTALS:     *table = KV_META; return key_of_name(STR("totals"));
	case NOTE:       *table = KV_META; return key_of_name(STR("note/n"));
	}
	*table = KV_META;
	return key_of_name(STR("none"));
}

/* Sets or deletes (value.at == NULL) behind the store's back. */
static void set_raw(struct fixture *f, enum kv_table table, struct key key,
		    struct str value)
{
	struct kvstore *ks = fixture_kv(f);
	struct kv *kv;
	assert_int_equal(ks->engine->write_begin(ks->env, 0, &kv), 0);
	if (value.at) assert_int_equal(kv_put(kv, table, key_view(&key), value), 0);
	else assert_int_equal(kv_del(kv, table, key_view(&key)), 0);
	assert_int_equal(ks->engine->write_commit(kv), 0);
}

static struct str get_raw(struct fixture *f, enum kv_table table, struct key key)
{
	static char copy[1024];
	struct kvstore *ks = fixture_kv(f);
	struct kv *kv;
	struct str value, out = { NULL, 0 };
	assert_int_equal(ks->engine->read_begin(ks->env, &kv), 0);
	if (!kv_get(kv, table, key_view(&key), &value)) {
		assert_true(value.len <= sizeof copy);
		if (value.len) memcpy(copy, value.at, value.len);
		out = (struct str){ copy, value.len };
	}
	ks->engine->read_end(kv);
	return out;
}

/* Returns what stood there before. */
static struct str act(struct fixture *f, enum which which, enum action action)
{
	static char changed[1024];
	enum kv_table table;
	struct key key = key_of(which, &table);
	struct str old = get_raw(f, table, key), now = { changed, old.len };
	if (old.len) memcpy(changed, old.at, old.len);
	if (action == DEL) now.at = NULL;
	if (action == FLIP) changed[old.len / 2] ^= 1;
	if (action == CUT) now.len--;
	set_raw(f, table, key, now);
	return old;
}

static struct spool_op note(struct str value)
{
	return (struct spool_op){ .kind = SPOOL_OP_NOTE, .note = { STR("n"), value } };
}

static int notes_count(void *ctx, struct str key, struct str value)
{
	(void)key, (void)value;
	++*(unsigned *)ctx;
	return 0;
}

/* A damaged note is not read; it can be written anew, or removed. */
static void test_damaged_note(void **state)
{
	struct fixture *f = *state;
	for (int round = 0; round < 2; round++) {
		unsigned count = 0;
		assert_int_equal(commit1(f, note(STR("a value"))), 0);
		(void)act(f, NOTE, FLIP);
		assert_int_equal(store_notes(f->store, STR(""), notes_count, &count), 0);
		assert_int_equal(count, 0);
		if (round) assert_int_equal(commit1(f, note(STR(""))), 0);
		else assert_int_equal(commit1(f, note(STR("another"))), 0);
		assert_int_equal(store_notes(f->store, STR(""), notes_count, &count), 0);
		assert_int_equal(count, !round);
		assert_string_equal(verify_text(f), "");
	}
}

static void test_findings(void **state)
{
	static const struct {
		enum which which;
		enum action action;
		const char *found;
	} rows[] = {
		{ MSG, FLIP, "bad-message:1 bad-totals:0" },
		{ MSG, CUT, "bad-message:1 bad-totals:0" },
		{ MSG, DEL,
		  "bad-totals:0 recipient-orphan:1 body-orphan:1 due-orphan:1" },
		{ RCPT0, FLIP, "bad-recipient:1" },
		{ RCPT0, DEL, "bad-recipient:1" },
		{ RCPT_NEXT, ADD, "bad-recipient:1" },
		{ BODY, FLIP, "body-crc:1" },
		{ BODY, CUT, "body-missing:1" },
		{ BODY, DEL, "body-missing:1" },
		{ BODY_OTHER, ADD, "body-orphan:8" },
		{ DUE, DEL, "due-missing:1" },
		{ DUE_OTHER, ADD, "due-orphan:1" },
		{ NOTE, FLIP, "bad-note:0" },
		{ NOTE, CUT, "bad-note:0" },
		{ NOTE, DEL, "" },
		{ TOTALS, FLIP, "" }, /* not trusted, hence not wrong: counted anew */
	};
	struct fixture *f = *state;
	assert_int_equal(commit1(f, arrive(1, 2, STR("some body"))), 0);
	assert_int_equal(commit1(f, note(STR("a value"))), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum kv_table table;
		struct key key = key_of(rows[i].which, &table);
		struct str old = act(f, rows[i].which, rows[i].action);
		assert_string_equal(verify_text(f), rows[i].found);
		assert_int_equal(totals_of(f).messages, 1);
		set_raw(f, table, key, old);
		assert_string_equal(verify_text(f), "");
	}
}

/* Records that are whole but do not fit together. */
static void test_counts(void **state)
{
	struct fixture *f = *state;
	char bytes[256];
	struct buf b;
	struct spool_rcpt done = { .state = SPOOL_DELIVERED,
				   .address = STR("r0@x.example") };
	struct spool_totals wrong = { .messages = 2 };
	assert_int_equal(commit1(f, arrive(1, 2, STR("some body"))), 0);
	buf_init_fixed(&b, bytes, sizeof bytes);
	record_put_rcpt(&b, &done);
	set_raw(f, KV_RCPT, key_of_rcpt(1, 0), buf_view(&b));
	assert_string_equal(verify_text(f), "bad-counts:1");
	buf_reset(&b);
	record_put_totals(&b, &wrong);
	set_raw(f, KV_META, key_of_name(STR("totals")), buf_view(&b));
	assert_string_equal(verify_text(f), "bad-counts:1 bad-totals:0");
}

static int rcpt_none(void *ctx, const struct spool_rcpt *rcpt)
{
	(void)ctx, (void)rcpt;
	return 0;
}

static int msg_seen(void *ctx, const struct spool_msg *msg)
{
	*(struct spool_msg *)ctx = *msg;
	return 0;
}

static void test_damaged_body_is_not_handed_out(void **state)
{
	struct fixture *f = *state;
	char body[16];
	uint32_t crc = 0;
	size_t got;
	assert_int_equal(commit1(f, arrive(1, 2, STR("some body"))), 0);
	(void)act(f, BODY, FLIP);
	assert_int_equal(store_read_body(f->store, 1, 0, body, 16, &crc, &got), -EBADMSG);
	assert_int_equal(got, 0);
	crc = 0;
	assert_int_equal(store_read_body(f->store, 1, 0, body, 5, &crc, &got), 0);
	assert_int_equal(store_read_body(f->store, 1, 5, body, 5, &crc, &got), -EBADMSG);
	assert_int_equal(store_read_body(f->store, 1, 0, body, 16, NULL, &got), 0);
	assert_int_equal(got, 9);
	(void)act(f, BODY, DEL);
	assert_int_equal(store_read_body(f->store, 1, 0, body, 16, NULL, &got), -EBADMSG);
	assert_int_equal(commit1(f, set_state(1, SPOOL_POISON, 0)), 0);
	assert_string_equal(due_text(f, INT64_MAX), "");
}

static void test_damaged_message(void **state)
{
	struct fixture *f = *state;
	struct spool_msg msg;
	struct spool_op unlist = just(SPOOL_OP_UNLIST, 1);
	assert_int_equal(commit1(f, arrive(1, 2, STR("some body"))), 0);
	assert_int_equal(commit1(f, arrive(2, 1, STR("other"))), 0);
	(void)act(f, MSG, FLIP);
	assert_int_equal(store_read_msg(f->store, 1, &f->arena, &msg), -EBADMSG);
	assert_int_equal(store_read_rcpts(f->store, 1, 0, 9, rcpt_none, NULL), -EBADMSG);
	assert_int_equal(store_walk(f->store, 0, 1, msg_seen, &msg), 0);
	assert_true(msg.id == 1 && msg.rcpts == 0);
	assert_int_equal(commit1(f, set_state(1, SPOOL_POISON, 0)), -EBADMSG);
	assert_int_equal(commit1(f, outcome(1, 0, SPOOL_DELIVERED, 0)), -EBADMSG);
	assert_int_equal(commit1(f, arrive(1, 1, STR("x"))), -EEXIST);
	assert_string_equal(due_text(f, 1000), "1 2");
	unlist.next_due_ms = 1000;
	assert_int_equal(commit1(f, unlist), 0);
	assert_string_equal(due_text(f, 1000), "2");
	fixture_reopen(f); /* keeps what is damaged */
	assert_int_equal(store_read_msg(f->store, 1, &f->arena, &msg), -EBADMSG);
	assert_int_equal(commit1(f, just(SPOOL_OP_REMOVE, 1)), 0);
	fixture_reopen(f); /* counts anew */
	assert_int_equal(totals_of(f).messages, 1);
	assert_int_equal(totals_of(f).rcpts, 1);
	assert_string_equal(verify_text(f), "");
}

static void test_damaged_recipient(void **state)
{
	struct fixture *f = *state;
	struct spool_op due = just(SPOOL_OP_DUE, 1);
	assert_int_equal(commit1(f, arrive(1, 2, STR("some body"))), 0);
	(void)act(f, RCPT0, FLIP);
	assert_int_equal(commit1(f, outcome(1, 0, SPOOL_DELIVERED, 0)), -EBADMSG);
	assert_int_equal(store_read_rcpts(f->store, 1, 0, 9, rcpt_none, NULL), -EBADMSG);
	due.next_due_ms = 5;
	assert_int_equal(commit1(f, due), 0);
	assert_int_equal(commit1(f, outcome(1, 1, SPOOL_DELIVERED, 0)), 0);
	assert_int_equal(msg_of(f, 1).rcpts_open, 1);
	assert_int_equal(commit1(f, set_state(1, SPOOL_HELD, 0)), 0);
	assert_int_equal(commit1(f, just(SPOOL_OP_REMOVE, 1)), 0);
	assert_string_equal(verify_text(f), "");
}

static void test_stale_due(void **state)
{
	struct fixture *f = *state;
	struct spool_op unlist = just(SPOOL_OP_UNLIST, 1);
	assert_int_equal(commit1(f, arrive(1, 2, STR("some body"))), 0);
	(void)act(f, DUE_OTHER, ADD);
	unlist.next_due_ms = 77;
	assert_int_equal(commit1(f, unlist), 0);
	assert_string_equal(verify_text(f), "");
}

static void big_commit(struct fixture *f)
{
	struct spool_op op = arrive(1, 1, STR(""));
	struct str bytes = STR("a big body, as bodies go");
	assert_int_equal(store_big_begin(f->store, &op.arrive.big), 0);
	assert_int_equal(store_big_append(f->store, op.arrive.big, &bytes, 1), 0);
	store_commit(f->store, &op, 1);
	assert_int_equal(op.result, 0);
}

static const char big_1[] = "big/0000000000000001";

/* Makes the file anew with these bytes, or not at all. */
static void big_replace(struct fixture *f, const char *name, const char *bytes)
{
	struct kvstore *ks = fixture_kv(f);
	(void)ks->files->unlink(ks->env, name);
	if (!bytes) return;
	int file = ks->files->create(ks->env, name);
	assert_true(file >= 0);
	assert_int_equal(ks->files->write(ks->env, file, 0, str_of(bytes)), 0);
	ks->files->close(ks->env, file);
}

static void test_big_findings(void **state)
{
	static const struct { const char *bytes, *found; int read; } rows[] = {
		{ "a big body, as bodies go", "", 0 },
		{ "a big body, as bodies so", "body-crc:1", -EBADMSG },
		{ "a big body", "body-missing:1", -EBADMSG },
		{ "a big body, as bodies go and go", "body-missing:1", -EBADMSG },
		{ NULL, "body-missing:1", -EBADMSG },
	};
	struct fixture *f = *state;
	char body[64];
	big_commit(f);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint32_t crc = 0;
		size_t got;
		big_replace(f, big_1, rows[i].bytes);
		assert_string_equal(verify_text(f), rows[i].found);
		assert_int_equal(
			store_read_body(f->store, 1, 0, body, sizeof body, &crc, &got),
			rows[i].read);
		assert_int_equal(got, rows[i].read ? 0 : 24);
	}
	assert_int_equal(store_open_big(f->store, 1), -EBADMSG);
}

/* Q190709: what a crash leaves is gone after the start; nothing else is touched. */
static void test_sweep(void **state)
{
	static const struct { const char *name; bool stays; } rows[] = {
		{ "big/tmp-0000000000000007", false },
		{ "big/0000000000000009", false },
		{ big_1, true },
		{ "big/notes", true },
		{ "big/000000000000009", true }, /* no id */
		{ "big/000000000000000g", true },
	};
	struct fixture *f = *state;
	big_commit(f);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].name != big_1) big_replace(f, rows[i].name, "left");
	assert_string_equal(verify_text(f), "big-orphan:9");
	fixture_reopen(f);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct kvstore *ks = fixture_kv(f);
		int file = ks->files->open(ks->env, rows[i].name);
		assert_int_equal(file >= 0, rows[i].stays);
		if (file >= 0) ks->files->close(ks->env, file);
	}
	assert_string_equal(verify_text(f), "");
	/* a damaged message keeps its body */
	(void)act(f, MSG, FLIP);
	fixture_reopen(f);
	struct kvstore *ks = fixture_kv(f);
	int file = ks->files->open(ks->env, big_1);
	assert_true(file >= 0);
	ks->files->close(ks->env, file);
	assert_int_equal(commit1(f, just(SPOOL_OP_REMOVE, 1)), 0);
	assert_int_equal(ks->files->open(ks->env, big_1), -ENOENT);
}

static void test_schema(void **state)
{
	struct fixture *f = *state;
	struct key key = key_of_name(STR("schema"));
	struct store *other;
	set_raw(f, KV_META, key, (struct str){ "\2\0\0\0", 4 });
	store_close(f->store);
	f->store = NULL;
	assert_int_equal(store_open(f->backend, f->folder, &f->options, &other), -EPROTO);
	assert_null(other);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_BOTH(test_damaged_note),
		ON_BOTH(test_findings),
		ON_BOTH(test_counts),
		ON_BOTH(test_damaged_body_is_not_handed_out),
		ON_BOTH(test_damaged_message),
		ON_BOTH(test_damaged_recipient),
		ON_BOTH(test_stale_due),
		ON_BOTH(test_big_findings),
		ON_BOTH(test_sweep),
		ON_BOTH(test_schema),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
