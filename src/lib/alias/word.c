/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/alias/word.h"

#include "lib/smtp/address.h"

enum { BRACKETED_MAX = 1024 };

/* Length of the quoted string at the head of `s`, with its quotes; 0: it does not end. */
static size_t quoted_len(struct str s)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.at[i] == '\\') i++;
		else if (s.at[i] == '"') return i + 1;
	}
	return 0;
}

/* Index of the first of the two bytes outside of quotes (and, `angles`, of angle
 * brackets); the length if there is none. */
static size_t find_bare(struct str s, char a, char b, bool angles)
{
	bool inside = false;
	for (size_t i = 0; i < s.len; i++) {
		size_t quoted = s.at[i] == '"' ? quoted_len(str_from(s, i)) : 0;
		if (quoted) i += quoted - 1;
		else if (angles && s.at[i] == '<') inside = true;
		else if (angles && s.at[i] == '>') inside = false;
		else if (!inside && (s.at[i] == a || s.at[i] == b)) return i;
	}
	return s.len;
}

/* "<local@domain>", or with another domain behind a local part that stands alone. */
static bool parse(struct str raw, struct str domain, struct smtp_path *path, struct buf *text)
{
	struct str rest;
	buf_byte(text, '<');
	buf_str(text, raw);
	buf_str(text, domain);
	buf_byte(text, '>');
	if (text->overflowed || str_starts(raw, STR("@")) ||
	    smtp_path_parse(buf_view(text), SMTP_REVERSE_PATH, path, &rest) != SMTP_PATH_OK)
		return false;
	return rest.len == 0 && !path->is_null;
}

static bool write_address(struct str raw, struct buf *out)
{
	char memory[BRACKETED_MAX];
	struct buf text;
	struct smtp_path path;
	buf_init_fixed(&text, memory, sizeof memory);
	bool whole = find_bare(raw, '@', '@', false) < raw.len;
	if (!parse(raw, whole ? STR("") : STR("@a"), &path, &text)) return false;
	size_t from = out->len;
	smtp_path_write(out, &path);
	if (out->overflowed) return false;
	if (!whole) out->len -= STR("@a").len;
	return out->len > from;
}

bool alias_address_read(struct str word, struct buf *address)
{
	size_t open = find_bare(word, '<', '<', false);
	if (open < word.len) {
		if (word.at[word.len - 1] != '>') return false;
		word = str_sub(word, open + 1, word.len - open - 2);
	}
	return write_address(word, address);
}

static bool write_name(struct str raw, struct buf *name)
{
	if (!str_starts(raw, STR("@"))) return write_address(raw, name);
	struct str domain = str_from(raw, 1);
	buf_str(name, raw);
	return smtp_domain_is_valid(domain) && !name->overflowed;
}

enum alias_name alias_name_read(struct str line, struct buf *name, struct str *rest)
{
	size_t colon = find_bare(line, ':', ':', false);
	size_t blank = find_bare(line, ' ', '\t', false);
	/* Postfix's virtual(5): "user@domain  target". */
	bool virtual = blank < colon && str_find(str_sub(line, 0, blank), '@') >= 0 &&
	               !str_starts(str_trim(str_from(line, blank)), STR(":"));
	size_t end = virtual ? blank : colon;
	if (end == line.len) return ALIAS_NAME_NO_COLON;
	*rest = str_from(line, end + 1);
	return write_name(str_trim(str_sub(line, 0, end)), name) ? ALIAS_NAME_OK : ALIAS_NAME_BAD;
}

bool alias_word_next(struct str *rest, struct str *word, bool *quoted)
{
	while (rest->len) {
		size_t end = find_bare(*rest, ',', ',', true);
		*word = str_trim(str_sub(*rest, 0, end));
		*rest = str_from(*rest, end + 1);
		if (word->len == 0) continue;
		*quoted = word->at[0] == '"' && quoted_len(*word) == word->len;
		return true;
	}
	return false;
}
