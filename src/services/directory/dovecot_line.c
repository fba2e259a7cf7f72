/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/dovecot_line.h"

#include <string.h>

#include "lib/base/base64.h"

enum { ESCAPE = 1, LOGIN_MAX = 1024 };

static const struct {
	struct str word;
	enum dovecot_kind kind;
	bool numbered;
} kinds[] = {
	{ STR_INIT("VERSION"), DOVECOT_VERSION, true },
	{ STR_INIT("SPID"), DOVECOT_SPID, false },
	{ STR_INIT("DONE"), DOVECOT_DONE, false },
	{ STR_INIT("OK"), DOVECOT_OK, true },
	{ STR_INIT("CONT"), DOVECOT_CONT, true },
	{ STR_INIT("USER"), DOVECOT_USER, true },
	{ STR_INIT("NOTFOUND"), DOVECOT_NOTFOUND, true },
	{ STR_INIT("FAIL"), DOVECOT_FAIL, true },
};

static const struct {
	char letter, octet;
} escapes[] = {
	{ '0', '\0' }, { '1', ESCAPE }, { 't', '\t' }, { 'r', '\r' }, { 'n', '\n' },
};

/* --- reading ------------------------------------------------------------------------ */

static bool unescape(struct str *in, char *out)
{
	*out = in->at[0];
	*in = str_from(*in, 1);
	if (*out != ESCAPE) return true;
	for (size_t i = 0; in->len && i < sizeof escapes / sizeof *escapes; i++) {
		if (in->at[0] != escapes[i].letter) continue;
		*out = escapes[i].octet;
		*in = str_from(*in, 1);
		return true;
	}
	return false;
}

static bool take_user(struct str value, struct dovecot_line *out)
{
	out->user_len = 0;
	while (value.len) {
		char c;
		if (!unescape(&value, &c) || ascii_is_ctl(c) ||
		    out->user_len == sizeof out->user)
			return false;
		out->user[out->user_len++] = c;
	}
	return true;
}

static bool take_reason(struct str value, struct dovecot_line *out)
{
	out->reason_len = 0;
	while (value.len) {
		char c;
		if (!unescape(&value, &c)) return false;
		if (out->reason_len < sizeof out->reason)
			out->reason[out->reason_len++] = ascii_is_ctl(c) ? ' ' : c;
	}
	return true;
}

static const struct {
	struct str word, reason;
} words[] = {
	{ STR_INIT("user_disabled"), STR_INIT("the user is disabled") },
	{ STR_INIT("code=user_disabled"), STR_INIT("the user is disabled") },
	{ STR_INIT("pass_expired"), STR_INIT("the password has expired") },
	{ STR_INIT("code=pass_expired"), STR_INIT("the password has expired") },
};

static bool take_word(struct str word, struct dovecot_line *out)
{
	struct str value = word;
	struct str name = str_cut(&value, '=');
	if (str_eq(name, STR("user"))) return take_user(value, out);
	if (str_eq(name, STR("reason"))) return take_reason(value, out);
	if (str_eq(word, STR("temp")) || str_eq(word, STR("code=temp_fail")))
		out->later = true;
	for (size_t i = 0; i < sizeof words / sizeof *words && !out->reason_len; i++)
		if (str_eq(word, words[i].word)) (void)take_reason(words[i].reason, out);
	return true;
}

static bool take_rest(struct str rest, struct dovecot_line *out)
{
	switch (out->kind) {
	case DOVECOT_USER:
		if (!take_user(str_cut(&rest, '\t'), out)) return false;
		break;
	case DOVECOT_OK:
	case DOVECOT_FAIL: break;
	case DOVECOT_OTHER:
	case DOVECOT_VERSION:
	case DOVECOT_SPID:
	case DOVECOT_DONE:
	case DOVECOT_CONT:
	case DOVECOT_NOTFOUND: return true;
	}
	/* The fields of USER are those of the mail store; none of them is for us. */
	while (rest.len && out->kind != DOVECOT_USER)
		if (!take_word(str_cut(&rest, '\t'), out)) return false;
	return true;
}

bool dovecot_line_parse(struct str line, struct dovecot_line *out)
{
	struct str rest = line;
	struct str word = str_cut(&rest, '\t');
	bool numbered = false;
	*out = (struct dovecot_line){ .kind = DOVECOT_OTHER };
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!str_eq(word, kinds[i].word)) continue;
		out->kind = kinds[i].kind;
		numbered = kinds[i].numbered;
	}
	if (numbered && !str_to_u64(str_cut(&rest, '\t'), &out->id)) return false;
	return take_rest(rest, out);
}

/* --- writing ------------------------------------------------------------------------ */

void dovecot_word(struct buf *out, struct str word)
{
	for (size_t i = 0; i < word.len; i++) {
		size_t e = 0;
		while (e < sizeof escapes / sizeof *escapes &&
		       escapes[e].octet != word.at[i])
			e++;
		if (e == sizeof escapes / sizeof *escapes) {
			buf_byte(out, word.at[i]);
			continue;
		}
		buf_byte(out, ESCAPE);
		buf_byte(out, escapes[e].letter);
	}
}

/* `secured`: whether a password may be sent in the clear has been decided by our own rules
 * (listener, host) before; `nologin`: there is no session that follows; `no-penalty`: to
 * Dovecot all of us are one client, and one who guesses would slow down everybody. */
void dovecot_auth(struct buf *out, uint64_t id, struct str user, struct str password)
{
	char memory[LOGIN_MAX];
	struct buf plain;
	buf_init_fixed(&plain, memory, sizeof memory);
	buf_byte(&plain, '\0');
	buf_str(&plain, user);
	buf_byte(&plain, '\0');
	buf_str(&plain, password);
	/* A NUL would move the border between the two. */
	if (plain.overflowed || str_find(user, '\0') >= 0 || str_find(password, '\0') >= 0)
		out->overflowed = true;
	buf_str(out, STR("AUTH\t"));
	buf_u64(out, id);
	buf_str(out, STR("\tPLAIN\tservice=smtp\tsecured\tnologin\tno-penalty\tresp="));
	base64_encode(out, buf_view(&plain));
	buf_byte(out, '\n');
	explicit_bzero(memory, sizeof memory);
}

void dovecot_user(struct buf *out, uint64_t id, struct str user)
{
	buf_str(out, STR("USER\t"));
	buf_u64(out, id);
	buf_byte(out, '\t');
	dovecot_word(out, user);
	buf_str(out, STR("\tservice=smtp\n"));
}
