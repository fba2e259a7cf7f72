/* SPDX-License-Identifier: Apache-2.0 */
/* Text of a filter or a selector, and in its second line an address. No text may crash;
 * whatever is taken can be asked about any message; what is refused says why in a line of
 * printable text; and nothing but "all" and the empty filter means every message. */
#include <stdlib.h>

#include "lib/queue/filter.h"
#include "lib/queue/suspend.h"

static void check(bool condition)
{
	if (!condition) abort();
}

static void match(const struct filter *f, struct str address)
{
	static const uint64_t numbers[] = { 0, 1, 1 << 20, UINT64_MAX };
	struct filter_facts facts = { .from = address };
	for (facts.state = FILTER_ACTIVE; facts.state <= FILTER_POISON; facts.state++)
		for (size_t i = 0; i < 16; i++) {
			facts.id = numbers[i % 4];
			facts.size_b = numbers[i / 4];
			facts.age_ms = i % 3 == 0 ? INT64_MIN : i % 3 == 1 ? 0 : INT64_MAX;
			bool once = filter_matches(f, &facts);
			check(once == filter_matches(f, &facts));
			if (f->id && once) check(facts.id == f->id);
			if (f->size_below_b && once) check(facts.size_b < f->size_below_b);
		}
	bool there = filter_matches_recipient(f, address, address);
	check(there || filter_has_recipient(f));
}

static bool is_all(const struct filter *f)
{
	return !f->id && f->state == FILTER_ANY_STATE && !f->from.len && !filter_has_recipient(f) &&
	       f->older_ms <= 0 && !f->younger_ms && !f->size_min_b && !f->size_below_b;
}

static void run(struct str text, struct str address, bool selector)
{
	char memory[512];
	struct buf why;
	struct filter f;
	buf_init_fixed(&why, memory, sizeof memory);
	bool good = selector ? filter_parse_selector(text, &f, &why) : filter_parse(text, &f, &why);
	check(good == (why.len == 0) && !why.overflowed);
	for (size_t i = 0; i < why.len; i++) check(!ascii_is_ctl(why.at[i]));
	if (!good) return;
	match(&f, address);
	match(&f, f.from);
	match(&f, f.to);
	/* "older=0" is the one term that says nothing. */
	if (is_all(&f)) {
		struct str rest = text;
		struct str word = str_word(&rest);
		check(word.len == 0 || str_eq(word, STR("all")) || str_starts(word, STR("older=0")));
	}
}

/* What can be suspended can be kept, and is read as it was. */
static void suspend(struct str text)
{
	char memory[512], key_text[SUSPEND_KEY_MAX], value_text[SUSPEND_VALUE_MAX];
	struct buf why, key, value;
	struct suspension s = { .reason = text }, again;
	buf_init_fixed(&why, memory, sizeof memory);
	buf_init_fixed(&key, key_text, sizeof key_text);
	buf_init_fixed(&value, value_text, sizeof value_text);
	bool good = suspend_parse(text, &s.kind, &s.name, &why);
	check(good == (why.len == 0) && !why.overflowed);
	for (size_t i = 0; i < why.len; i++) check(!ascii_is_ctl(why.at[i]));
	if (!good) return;
	suspend_key_write(&key, s.kind, s.name);
	suspend_value_write(&value, &s);
	check(!key.overflowed && !value.overflowed);
	check(suspend_read(buf_view(&key), buf_view(&value), &again));
	check(again.kind == s.kind && str_eq_nocase(again.name, s.name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str address = { (const char *)data, size };
	struct str text = str_cut(&address, '\n');
	run(text, address, false);
	run(text, address, true);
	suspend(text);
	struct suspension note;
	if (suspend_read(text, address, &note)) check(note.name.len > 0);
	return 0;
}
