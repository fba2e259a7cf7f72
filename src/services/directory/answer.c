/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/answer.h"

#include <string.h>

bool backend_put(char *place, size_t size, size_t *len, struct str text)
{
	*len = 0;
	if (text.len > size) return false;
	for (size_t i = 0; i < text.len; i++)
		if (ascii_is_ctl(text.at[i])) return false;
	if (text.len) memcpy(place, text.at, text.len);
	*len = text.len;
	return true;
}

bool answer_is_address(struct str address)
{
	ptrdiff_t at = str_rfind(address, '@');
	if (at <= 0 || (size_t)at + 1 == address.len) return false;
	for (size_t i = 0; i < address.len; i++)
		if (ascii_is_ctl(address.at[i])) return false;
	return str_find(str_from(address, (size_t)at), ' ') < 0;
}

bool answer_without_detail(struct buf *out, struct str address)
{
	ptrdiff_t at = str_rfind(address, '@');
	struct str local = str_sub(address, 0, at < 0 ? 0 : (size_t)at);
	ptrdiff_t plus = str_find(str_from(local, 1), '+');
	if (plus < 0 || local.at[0] == '"') return false;
	buf_str(out, str_sub(local, 0, (size_t)plus + 1));
	buf_str(out, str_from(address, local.len));
	return !out->overflowed;
}

static bool is_printable(const char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_print(at[i])) return false;
	return true;
}

static bool is_word(const char *at, size_t len)
{
	return is_printable(at, len) && str_find((struct str){ at, len }, ' ') < 0;
}

static bool is_good(const struct backend_entry *e)
{
	return e->address_len <= sizeof e->address && e->home_len <= sizeof e->home &&
	       e->verifier_len <= sizeof e->verifier && e->scram_len <= sizeof e->scram &&
	       answer_is_address((struct str){ e->address, e->address_len }) &&
	       is_word(e->home, e->home_len) &&
	       is_word(e->verifier, e->verifier_len) &&
	       is_printable(e->scram, e->scram_len);
}

enum backend_result answer_check(enum backend_result result, struct str asked,
				 struct backend_entry *entry, struct buf *why)
{
	switch (result) {
	case BACKEND_OK:
		if (!entry->address_len)
			(void)BACKEND_PUT(entry, address, asked);
		if (is_good(entry)) return BACKEND_OK;
		buf_reset(why);
		buf_str(why, STR("the entry of this user is damaged"));
		return BACKEND_UNSURE;
	case BACKEND_NONE:
	case BACKEND_WRONG:
	case BACKEND_DOWN:
	case BACKEND_UNSURE: return result;
	}
	buf_reset(why);
	buf_str(why, STR("the answer makes no sense"));
	return BACKEND_UNSURE;
}
