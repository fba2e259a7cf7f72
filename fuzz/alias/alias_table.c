/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an alias file, and as each of its list files. What is read has only names
 * and targets that can be written back, and the file that they make is read as the same. */
#include <assert.h>
#include <errno.h>

#include "lib/alias/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AGAIN_MAX = 8 * 1024 * 1024 };

static int read_list(void *arg, struct str path, struct buf *text)
{
	const struct str *in = arg;
	if (str_find(path, '?') >= 0) return -ENOENT;
	buf_str(text, str_sub(*in, 0, 4096));
	return 0;
}

static void check_text(struct str s)
{
	assert(s.len > 0 && s.len <= ALIAS_ADDRESS_MAX);
	for (size_t i = 0; i < s.len; i++) assert(!ascii_is_ctl(s.at[i]));
}

static void write_back(const struct alias *a, struct buf *out)
{
	check_text(a->name);
	assert(a->count > 0);
	buf_str(out, a->name);
	buf_str(out, STR(": "));
	for (uint32_t i = 0; i < a->count; i++) {
		const struct alias_target *t = &a->targets[i];
		check_text(t->address);
		if (i) buf_str(out, STR(",\n\t"));
		if (t->final) buf_byte(out, '\\');
		buf_str(out, t->address);
	}
	buf_byte(out, '\n');
}

static void compare(const struct alias *a, const struct alias_table *t)
{
	struct str name = a->name;
	const struct alias *b = alias_find(t, name);
	assert(b && str_eq(b->name, name) && b->count == a->count);
	for (uint32_t i = 0; i < a->count; i++)
		assert(str_eq(a->targets[i].address, b->targets[i].address) &&
		       a->targets[i].final == b->targets[i].final);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	struct alias_table first, again;
	struct buf text;
	buf_init(&text, AGAIN_MAX);
	bool good = alias_table_read(&first, STR("/a"), in, read_list, &in);
	assert(good == (first.problem_count == 0));
	for (size_t i = 0; i < first.problem_count && i < ALIAS_PROBLEMS_MAX; i++)
		for (const char *c = first.problems[i].sentence; *c; c++) assert(!ascii_is_ctl(*c));
	size_t at = 0;
	for (struct alias *a; (a = map_next(&first.index, &at, NULL));)
		for (; a; a = a->next) write_back(a, &text);
	if (!text.overflowed) {
		assert(alias_table_read(&again, STR("/a"), buf_view(&text), NULL, NULL));
		assert(again.count == first.count && again.targets == first.targets);
		at = 0;
		for (struct alias *a; (a = map_next(&first.index, &at, NULL));)
			for (; a; a = a->next) compare(a, &again);
		alias_table_free(&again);
	}
	buf_free(&text);
	alias_table_free(&first);
	return 0;
}
