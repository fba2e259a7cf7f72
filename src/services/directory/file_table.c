/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/map.h"
#include "services/directory/answer.h"
#include "services/directory/file.h"

enum { TOLD_MAX = 3, SLOTS_MIN = 16 };

struct file_table {
	char *text;
	struct file_user *users;
	size_t count;
	uint32_t *slots; /* index of a user + 1; 0: free */
	size_t size;     /* of slots, a power of two */
	uint64_t seed;
};

/* --- a line -------------------------------------------------------------------------- */

/* Those of which crypt(3) understands what stands behind them. */
static const struct str schemes[] = {
	STR_INIT("{CRYPT}"),     STR_INIT("{SHA512-CRYPT}"), STR_INIT("{SHA256-CRYPT}"),
	STR_INIT("{BLF-CRYPT}"), STR_INIT("{MD5-CRYPT}"),    STR_INIT("{DES-CRYPT}"),
};

static bool read_hash(struct str text, struct str *verifier)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		if (!str_starts_nocase(text, schemes[i])) continue;
		text = str_from(text, schemes[i].len);
		break;
	}
	*verifier = text;
	if (!text.len) return true;
	if (text.at[0] == '*' || text.at[0] == '!') *verifier = STR("");
	if (text.at[0] == '{') return false;
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_print(text.at[i]) || text.at[i] == ' ') return false;
	return text.len <= sizeof((struct backend_entry *)0)->verifier;
}

static bool is_home(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alnum(name.at[i]) && str_find(STR("-._"), name.at[i]) < 0)
			return false;
	return name.len <= sizeof((struct backend_entry *)0)->home;
}

enum file_line file_line_read(struct str line, struct file_user *user, const char **why)
{
	struct str rest = line;
	if (rest.len && rest.at[rest.len - 1] == '\r') rest.len--;
	if (!str_trim(rest).len || rest.at[0] == '#') return FILE_LINE_NOTHING;
	*why = "it has no ':' behind the address";
	if (str_find(rest, ':') < 0) return FILE_LINE_WRONG;
	*user = (struct file_user){ .address = str_cut(&rest, ':') };
	struct str hash = str_cut(&rest, ':');
	user->home = str_find(rest, ':') < 0 ? rest : STR("");
	*why = "it does not begin with an address";
	if (user->address.len > sizeof((struct backend_entry *)0)->address ||
	    !answer_is_address(user->address))
		return FILE_LINE_WRONG;
	*why = "its password is not a hash of crypt(5)";
	if (!read_hash(hash, &user->verifier)) return FILE_LINE_WRONG;
	*why = "its home is not the name of a server";
	return is_home(user->home) ? FILE_LINE_USER : FILE_LINE_WRONG;
}

/* --- all of them ---------------------------------------------------------------------- */

static uint32_t *slot_of(const struct file_table *t, struct str address)
{
	size_t at = hash_str_nocase(address, t->seed) & (t->size - 1);
	for (; t->slots[at]; at = (at + 1) & (t->size - 1))
		if (str_eq_nocase(t->users[t->slots[at] - 1].address, address)) break;
	return &t->slots[at];
}

static size_t lines_in(struct str text)
{
	size_t count = 1;
	for (size_t i = 0; i < text.len; i++) count += text.at[i] == '\n';
	return count;
}

struct skipped {
	struct buf *why;
	size_t count;
};

static void skip(struct skipped *s, size_t line, const char *why)
{
	if (s->count++ >= TOLD_MAX) return;
	buf_fmt(s->why, "%sline %zu is skipped: %s", s->count > 1 ? "; " : "", line, why);
}

static void read_lines(struct file_table *t, struct str text, struct buf *why)
{
	struct skipped skipped = { .why = why };
	for (size_t line = 1; text.len; line++) {
		struct file_user user;
		const char *fault = NULL;
		enum file_line what = file_line_read(str_cut(&text, '\n'), &user, &fault);
		uint32_t *slot = what == FILE_LINE_USER ? slot_of(t, user.address) : NULL;
		if (what == FILE_LINE_WRONG) skip(&skipped, line, fault);
		else if (slot && *slot) skip(&skipped, line, "the address stood already");
		if (!slot || *slot) continue;
		t->users[t->count++] = user;
		*slot = (uint32_t)t->count;
	}
	if (skipped.count > TOLD_MAX)
		buf_fmt(why, "; %zu more are skipped", skipped.count - TOLD_MAX);
}

struct file_table *file_table_new(char *text, size_t len, struct buf *why)
{
	struct file_table *t = calloc(1, sizeof *t);
	size_t lines = lines_in((struct str){ text, len });
	if (!t) {
		free(text);
		return NULL;
	}
	t->text = text;
	for (t->size = SLOTS_MIN; t->size < 2 * lines;) t->size *= 2;
	t->users = calloc(lines, sizeof *t->users);
	t->slots = calloc(t->size, sizeof *t->slots);
	if (getrandom(&t->seed, sizeof t->seed, 0) != (ssize_t)sizeof t->seed) t->seed = 1;
	if (lines <= FILE_LINES_MAX && t->users && t->slots) {
		read_lines(t, (struct str){ text, len }, why);
		return t;
	}
	file_table_free(t);
	return NULL;
}

void file_table_free(struct file_table *t)
{
	if (!t) return;
	free(t->text);
	free(t->users);
	free(t->slots);
	free(t);
}

size_t file_table_count(const struct file_table *t) { return t->count; }

const struct file_user *file_table_find(const struct file_table *t, struct str address)
{
	uint32_t at = *slot_of(t, address);
	return at ? &t->users[at - 1] : NULL;
}
