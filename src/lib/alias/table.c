/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/alias/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/alias/word.h"
#include "lib/smtp/address.h"

enum { QUOTE_MAX = 60, TARGETS_FIRST = 16 };

struct reader {
	struct alias_table *table;
	alias_list_read *list;
	void *arg;
	struct str file;
	uint32_t line;
	size_t text_len, lists;
	bool in_list;
	/* The entry that is being read; no name: none, or a bad one. */
	struct str name;
	uint32_t name_line;
	size_t problems; /* that there were before it */
	bool skipping; /* what goes on with a bad entry is not looked at */
	struct alias_target *targets;
	size_t count, cap;
};

/* --- problems --------------------------------------------------------------------------- */

/* "'ABOUT' TEXT MORE", both ends optional. */
static void problem_with(struct reader *r, struct str about, const char *text, struct str more)
{
	struct alias_table *t = r->table;
	struct buf out, quoted;
	if (t->problem_count++ >= ALIAS_PROBLEMS_MAX) return;
	struct alias_problem *p = &t->problems[t->problem_count - 1];
	p->file = r->file;
	p->line = r->line;
	buf_init_fixed(&out, p->sentence, sizeof p->sentence - 1);
	if (about.len) {
		char memory[QUOTE_MAX * 4];
		buf_init_fixed(&quoted, memory, sizeof memory);
		buf_escaped(&quoted, str_sub(about, 0, QUOTE_MAX));
		buf_byte(&out, '\'');
		buf_str(&out, str_sub(buf_view(&quoted), 0, QUOTE_MAX));
		buf_str(&out, STR("' "));
	}
	buf_str(&out, str_of(text));
	buf_str(&out, more);
	p->sentence[out.len] = '\0';
}

static void problem(struct reader *r, struct str about, const char *text)
{
	problem_with(r, about, text, STR(""));
}

static void no_memory(struct reader *r)
{
	problem(r, STR(""), "the file is too large: its table would take too much memory");
	r->skipping = true;
}

void alias_problem_write(const struct alias_problem *p, struct buf *out)
{
	buf_str(out, p->file);
	if (p->line) {
		buf_byte(out, ':');
		buf_u64(out, p->line);
	}
	buf_str(out, STR(": "));
	buf_str(out, str_of(p->sentence));
}

/* --- targets ------------------------------------------------------------------------------ */

static void add_target(struct reader *r, struct str address, bool final)
{
	if (r->count == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : TARGETS_FIRST;
		void *targets = realloc(r->targets, cap * sizeof *r->targets);
		if (!targets) {
			no_memory(r);
			return;
		}
		r->targets = targets;
		r->cap = cap;
	}
	struct str copy = arena_str(&r->table->arena, address);
	if (copy.at) r->targets[r->count++] = (struct alias_target){ copy, final };
	else no_memory(r);
}

static void read_list(struct reader *r, struct str path);

static void read_address(struct reader *r, struct str word)
{
	char memory[ALIAS_ADDRESS_MAX];
	struct buf address;
	bool final = str_starts(word, STR("\\"));
	if (final) word = str_from(word, 1);
	buf_init_fixed(&address, memory, sizeof memory);
	if (str_starts(word, STR("@")))
		problem(r, word, "is a whole domain: write an address as the target");
	else if (!alias_address_read(word, &address))
		problem(r, word, "is not an address; write user or user@domain, and a comma between two");
	else add_target(r, buf_view(&address), final);
}

static void read_target(struct reader *r, struct str word, bool quoted)
{
	struct str inside = quoted ? str_sub(word, 1, word.len - 2) : word;
	if (str_starts(inside, STR("|")))
		problem(r, inside, "is a program, and none is run here: let an address get the "
			"mail whose server runs it, by LMTP for example");
	else if (str_starts(inside, STR("/")))
		problem(r, inside, "is a file: mail goes to mailboxes alone; write a user's address");
	else if (str_starts_nocase(inside, STR(":include:")))
		read_list(r, str_trim(str_from(inside, sizeof ":include:" - 1)));
	else if (str_starts(inside, STR(":")))
		problem(r, inside, "is not known here: of such words there is :include:/path alone");
	else read_address(r, word);
}

/* "target, target": the rest of a line. */
static void read_targets(struct reader *r, struct str rest)
{
	struct str word;
	bool quoted;
	while (alias_word_next(&rest, &word, &quoted)) {
		if (r->skipping) return;
		read_target(r, word, quoted);
	}
}

static bool is_comment(struct str line)
{
	line = str_trim(line);
	return line.len == 0 || line.at[0] == '#';
}

static struct str next_line(struct reader *r, struct str *text)
{
	struct str line = str_cut(text, '\n');
	r->line++;
	if (line.len && line.at[line.len - 1] == '\r') line.len--;
	return line;
}

static int list_text(struct reader *r, struct str path, struct buf *text)
{
	int error = r->list ? r->list(r->arg, path, text) : -ENOENT;
	r->text_len += text->len;
	return error ? error : text->overflowed ? -EFBIG : 0;
}

static void read_list(struct reader *r, struct str path)
{
	struct buf text;
	if (r->in_list || r->lists == ALIAS_LISTS_MAX || !str_starts(path, STR("/"))) {
		problem(r, path, r->in_list ? "stands in a list file, which cannot have another one"
			: r->lists == ALIAS_LISTS_MAX ? "is one list file too many: 64 are possible"
			: "is not the path of a list file: write :include:/path");
		return;
	}
	r->lists++;
	buf_init(&text, r->text_len < ALIAS_TEXT_MAX ? ALIAS_TEXT_MAX - r->text_len : 0);
	struct str file = r->file;
	uint32_t line = r->line;
	int error = list_text(r, path, &text);
	if (error) problem_with(r, path, "cannot be read: ", str_of(strerror(-error)));
	r->in_list = true;
	r->file = arena_str(&r->table->arena, path);
	r->line = 0;
	for (struct str rest = buf_view(&text); !error && rest.len;) {
		struct str targets = next_line(r, &rest);
		if (!is_comment(targets)) read_targets(r, targets);
	}
	r->in_list = false;
	r->file = file;
	r->line = line;
	buf_free(&text);
}

/* --- entries ------------------------------------------------------------------------------ */

static uint64_t name_hash(const struct alias_table *t, struct str name)
{
	return hash_str_nocase(name, t->index.seed);
}

static struct alias *find_name(const struct alias_table *t, struct str name)
{
	struct alias *a = map_get(&t->index, name_hash(t, name));
	while (a && !str_eq_nocase(a->name, name)) a = a->next;
	return a;
}

static bool keep(struct reader *r)
{
	struct alias_table *t = r->table;
	struct alias *a = arena_alloc(&t->arena, sizeof *a);
	struct alias_target *targets = arena_alloc(&t->arena, r->count * sizeof *targets);
	if (!a || !targets || t->count == ALIAS_ENTRIES_MAX) return false;
	memcpy(targets, r->targets, r->count * sizeof *targets);
	uint64_t hash = name_hash(t, r->name);
	*a = (struct alias){ .name = r->name, .next = map_get(&t->index, hash),
		.targets = targets, .count = (uint32_t)r->count, .line = r->name_line };
	if (!map_put(&t->index, hash, a)) return false;
	t->count++;
	t->targets += r->count;
	return true;
}

static void twice(struct reader *r, const struct alias *first)
{
	char memory[16];
	struct buf line;
	buf_init_fixed(&line, memory, sizeof memory);
	buf_u64(&line, first->line);
	problem_with(r, r->name, "stands already in line ", buf_view(&line));
}

static void entry_end(struct reader *r)
{
	uint32_t line = r->line;
	r->line = r->name_line;
	if (r->name.len && !r->skipping) {
		const struct alias *first = find_name(r->table, r->name);
		if (first) twice(r, first);
		else if (r->count && !keep(r)) no_memory(r);
		else if (!r->count && r->problems == r->table->problem_count)
			problem(r, r->name, "has no target");
	}
	r->line = line;
	r->name = STR("");
	r->count = 0;
	r->skipping = false;
}

static void entry_begin(struct reader *r, struct str line)
{
	char memory[ALIAS_ADDRESS_MAX];
	struct buf name;
	struct str rest;
	buf_init_fixed(&name, memory, sizeof memory);
	r->name_line = r->line;
	r->problems = r->table->problem_count;
	r->skipping = true;
	switch (alias_name_read(line, &name, &rest)) {
	case ALIAS_NAME_OK: break;
	case ALIAS_NAME_NO_COLON:
		problem(r, line, "has no colon: write name: target");
		return;
	case ALIAS_NAME_BAD:
		problem(r, line, "does not begin with a name: write user, user@domain or @domain, "
			"then a colon");
		return;
	}
	r->name = arena_str(&r->table->arena, buf_view(&name));
	r->skipping = false;
	if (!r->name.at) no_memory(r);
	else read_targets(r, rest);
}

static void read_file(struct reader *r, struct str text)
{
	while (text.len) {
		struct str line = next_line(r, &text);
		if (is_comment(line)) continue;
		if (!ascii_is_blank(line.at[0])) {
			entry_end(r);
			entry_begin(r, line);
		} else if (r->name.len) {
			read_targets(r, line);
		} else if (!r->skipping) {
			problem(r, str_trim(line), "goes on with an entry, and there is none before it");
		}
	}
	entry_end(r);
}

bool alias_table_read(struct alias_table *t, struct str path, struct str text,
                      alias_list_read *list, void *arg)
{
	*t = (struct alias_table){ 0 };
	arena_init(&t->arena, ALIAS_MEMORY_MAX);
	/* Nobody but the administrator chooses what stands in it. */
	map_init(&t->index, ALIAS_ENTRIES_MAX, 0x616c696173);
	t->path = arena_str(&t->arena, path);
	struct reader r = { .table = t, .list = list, .arg = arg, .file = t->path,
		.text_len = text.len };
	if (!t->path.at) no_memory(&r);
	else if (text.len > ALIAS_TEXT_MAX)
		problem(&r, STR(""), "the file is too large: 16 MiB are possible");
	else read_file(&r, text);
	free(r.targets);
	return t->problem_count == 0;
}

void alias_table_free(struct alias_table *t)
{
	map_free(&t->index);
	arena_free(&t->arena);
	*t = (struct alias_table){ 0 };
}

const struct alias *alias_find(const struct alias_table *t, struct str address)
{
	struct str local, domain;
	if (t->count == 0) return NULL;
	const struct alias *a = find_name(t, address);
	smtp_address_split(address, &local, &domain);
	if (a || local.len == 0 || domain.len == 0) return a;
	return find_name(t, local);
}
