/* SPDX-License-Identifier: Apache-2.0 */
/* Notes, and walks over messages with their recipients, on both backends. */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct notes_text {
	char text[256];
	struct buf b;
};

static int note_text(void *ctx, struct str key, struct str value)
{
	struct notes_text *t = ctx;
	buf_str(&t->b, key);
	buf_byte(&t->b, '=');
	buf_str(&t->b, str_sub(value, 0, 9));
	buf_byte(&t->b, ' ');
	return 0;
}

static const char *notes(struct fixture *f, struct str prefix)
{
	static struct notes_text t;
	buf_init_fixed(&t.b, t.text, sizeof t.text - 1);
	assert_int_equal(store_notes(f->store, prefix, note_text, &t), 0);
	t.text[t.b.len] = '\0';
	return t.text;
}

static int note(struct fixture *f, struct str key, struct str value)
{
	return commit1(f, (struct spool_op){ .kind = SPOOL_OP_NOTE, .note = { key, value } });
}

static void test_notes(void **state)
{
	static char long_text[SPOOL_NOTE_VALUE_MAX + 1];
	struct fixture *f = *state;
	struct str text = { long_text, sizeof long_text };
	struct str longest = str_sub(text, 0, SPOOL_NOTE_KEY_MAX);
	memset(long_text, 'z', sizeof long_text);
	const struct { struct str key, value; int result; } rows[] = {
		{ STR("a/1"), STR("one"), 0 },
		{ STR("a/2"), STR("two"), 0 },
		{ STR("b"), STR("bee"), 0 },
		{ STR("a/1"), STR("uno"), 0 },
		{ STR("a/2"), STR(""), 0 },
		{ STR("a/2"), STR(""), -ENOENT },
		{ STR(""), STR("x"), -EINVAL },
		{ str_sub(text, 0, SPOOL_NOTE_KEY_MAX + 1), STR("x"), -EMSGSIZE },
		{ STR("c"), text, -EMSGSIZE },
		{ longest, str_sub(text, 0, SPOOL_NOTE_VALUE_MAX), 0 },
	};
	struct spool_totals before = totals_of(f), after;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int r = note(f, rows[i].key, rows[i].value);
		if (r != rows[i].result) fail_msg("row %zu: %d", i, r);
	}
	after = totals_of(f);
	assert_memory_equal(&before, &after, sizeof after);
	assert_int_equal(note(f, longest, STR("")), 0);
	for (int round = 0; round < 2; round++) {
		assert_string_equal(notes(f, STR("")), "a/1=uno b=bee ");
		assert_string_equal(notes(f, STR("a/")), "a/1=uno ");
		assert_string_equal(notes(f, STR("c")), "");
		assert_string_equal(verify_text(f), "");
		fixture_reopen(f);
	}
	store_close(f->store);
	assert_int_equal(store_compact(f->backend, f->folder, &f->options), 0);
	assert_int_equal(store_open(f->backend, f->folder, &f->options, &f->store), 0);
	assert_string_equal(notes(f, STR("")), "a/1=uno b=bee ");
}

static void test_notes_are_bounded(void **state)
{
	struct fixture *f = *state;
	static struct spool_op ops[SPOOL_NOTES_MAX + 1];
	static char keys[SPOOL_NOTES_MAX + 1][8];
	for (size_t i = 0; i <= SPOOL_NOTES_MAX; i++) {
		int n = snprintf(keys[i], sizeof keys[i], "%zu", i);
		ops[i] = (struct spool_op){ .kind = SPOOL_OP_NOTE,
			.note = { { keys[i], (size_t)n }, STR("x") } };
	}
	store_commit(f->store, ops, SPOOL_NOTES_MAX + 1);
	for (size_t i = 0; i < SPOOL_NOTES_MAX; i++) assert_int_equal(ops[i].result, 0);
	assert_int_equal(ops[SPOOL_NOTES_MAX].result, -EINVAL);
	assert_int_equal(note(f, STR("7"), STR("changed")), 0);
	assert_int_equal(note(f, STR("7"), STR("")), 0);
	assert_int_equal(note(f, STR("new"), STR("x")), 0);
	assert_int_equal(note(f, STR("7"), STR("x")), -EINVAL);
}

struct walked {
	struct buf text;
	char memory[256];
	int stop; /* returned for a recipient of message 4 */
	uint64_t id;
};

static int walked_begin(void *ctx, const struct spool_msg *msg)
{
	struct walked *w = ctx;
	w->id = msg->id;
	buf_fmt(&w->text, "%llu(", (unsigned long long)msg->id);
	return msg->id == 2 ? SPOOL_PASS : 0;
}

static int walked_rcpt(void *ctx, const struct spool_rcpt *rcpt)
{
	struct walked *w = ctx;
	buf_fmt(&w->text, "%u", rcpt->index);
	if (w->id == 3 && rcpt->index == 1) return SPOOL_PASS;
	return w->id == 4 ? w->stop : 0;
}

static int walked_end(void *ctx, const struct spool_msg *msg)
{
	struct walked *w = ctx;
	(void)msg;
	buf_byte(&w->text, ')');
	return 0;
}

static void test_walk_with_recipients(void **state)
{
	static const struct { uint64_t from; size_t limit; int stop, result; const char *text; } rows[] = {
		{ 0, 9, 0, 0, "1(0)2(3(01)4(0)6(01)" },
		{ 3, 2, 0, 0, "3(01)4(0)" },
		{ 3, 9, 42, 42, "3(01)4(0" },
		{ 5, 9, 0, 0, "6(01)" },
		{ 7, 9, 0, 0, "" },
	};
	struct fixture *f = *state;
	assert_int_equal(commit1(f, arrive(1, 1, STR("a"))), 0);
	assert_int_equal(commit1(f, arrive(2, 2, STR("b"))), 0);
	assert_int_equal(commit1(f, arrive(3, 3, STR("c"))), 0);
	assert_int_equal(commit1(f, arrive(4, 1, STR("d"))), 0);
	assert_int_equal(commit1(f, arrive(6, 2, STR("e"))), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct walked w = { .stop = rows[i].stop };
		struct spool_walk walk = { walked_begin, walked_end, walked_rcpt, &w };
		buf_init_fixed(&w.text, w.memory, sizeof w.memory - 1);
		assert_int_equal(store_walk_rcpts(f->store, rows[i].from, rows[i].limit, &walk),
			rows[i].result);
		w.memory[w.text.len] = '\0';
		assert_string_equal(w.memory, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(test_notes),
		ON_BOTH(test_notes_are_bounded),
		ON_BOTH(test_walk_with_recipients),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
