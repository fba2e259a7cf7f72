/* SPDX-License-Identifier: Apache-2.0 */
#include <ldap.h>
#include <stdlib.h>

#include "services/directory/ldapdir.h"

enum { TEXT_MAX_LEN = 120 };

static void write_clean(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len && i < TEXT_MAX_LEN; i++)
		buf_byte(out, ascii_is_ctl(text.at[i]) ? ' ' : text.at[i]);
}

void ldapdir_why(struct buf *why, const char *what, int code, struct str text)
{
	buf_reset(why);
	buf_str(why, str_of(what));
	buf_str(why, STR(": "));
	buf_str(why, str_of(ldap_err2string(code)));
	while (text.len && (text.at[text.len - 1] == '\0' || text.at[text.len - 1] == '\n'))
		text.len--;
	if (!text.len) return;
	buf_str(why, STR(" ("));
	write_clean(why, text);
	buf_byte(why, ')');
}

/* Active Directory says why in the text: "... AcceptSecurityContext error, data 532, ..." */
static const char *ad_reason(struct str text)
{
	static const struct { struct str data; const char *reason; } rows[] = {
		{ STR_INIT("530"), "he may not log in at this time" },
		{ STR_INIT("532"), "the password has expired" },
		{ STR_INIT("533"), "the account is disabled" },
		{ STR_INIT("701"), "the account has expired" },
		{ STR_INIT("773"), "the password has to be changed" },
		{ STR_INIT("775"), "the account is locked" },
	};
	static const struct str mark = STR_INIT(", data ");
	for (size_t i = 0; i + mark.len < text.len; i++) {
		if (!str_eq(str_sub(text, i, mark.len), mark)) continue;
		struct str data = str_from(text, i + mark.len);
		for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
			if (str_starts(data, rows[r].data)) return rows[r].reason;
	}
	return NULL;
}

static const char *policy_reason(int policy)
{
	switch (policy) {
	case PP_passwordExpired: return "the password has expired";
	case PP_accountLocked: return "the account is locked";
	case PP_changeAfterReset: return "the password has to be changed";
	default: return NULL;
	}
}

enum backend_result ldapdir_bind_result(int code, struct str text, int policy, struct buf *why)
{
	const char *reason = policy_reason(policy);
	buf_reset(why);
	switch (code) {
	case LDAP_SUCCESS:
		if (policy != PP_changeAfterReset) return BACKEND_OK;
		buf_str(why, str_of(reason));
		return BACKEND_WRONG;
	case LDAP_INVALID_CREDENTIALS:
		if (!reason) reason = ad_reason(text);
		if (reason) buf_str(why, str_of(reason));
		return BACKEND_WRONG;
	/* Of servers that keep out users who exist and whose password may even be right. */
	case LDAP_UNWILLING_TO_PERFORM:
	case LDAP_CONSTRAINT_VIOLATION:
	case LDAP_INAPPROPRIATE_AUTH:
	case LDAP_NO_SUCH_OBJECT:
	case LDAP_INVALID_DN_SYNTAX:
		if (reason) buf_str(why, str_of(reason));
		else ldapdir_why(why, "he may not log in", code, text);
		return BACKEND_WRONG;
	default: ldapdir_why(why, "bind of the user", code, text); return BACKEND_DOWN;
	}
}
