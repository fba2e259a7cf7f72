/* SPDX-License-Identifier: Apache-2.0 */
/* VRFY and EXPN (RFC 5321 7.3: an administrator decides whether they tell anything). */
#include "lib/policy/facts.h"
#include "lib/smtp/address.h"

enum { PATH_MAX_LEN = 1024 };

static bool may(const struct facts *f, enum conf_listener_verify own, enum conf_verify all)
{
	switch (own) {
	case CONF_LISTENER_VERIFY_OFF: return false;
	case CONF_LISTENER_VERIFY_ON: return true;
	case CONF_LISTENER_VERIFY_AUTHENTICATED: return f->authenticated;
	case CONF_LISTENER_VERIFY_AS_SERVICE: break;
	}
	return all == CONF_VERIFY_ON || (all == CONF_VERIFY_AUTHENTICATED && f->authenticated);
}

bool policy_may_vrfy(const struct facts *f)
{
	return may(f, f->listener->vrfy, f->conf->vrfy);
}

bool policy_may_expn(const struct facts *f)
{
	return may(f, f->listener->expn, f->conf->expn);
}

/* RFC 5321 3.5.1: what stands in brackets, if anything does. */
static struct str bare_of(struct str argument)
{
	ptrdiff_t open = str_rfind(argument, '<');
	if (open < 0) return argument;
	struct str inner = str_from(argument, (size_t)open + 1);
	if (inner.len && inner.at[inner.len - 1] == '>') inner.len--;
	return inner;
}

enum policy_verify policy_verify_address(const struct conf *conf, struct str argument,
                                         struct buf *address)
{
	char text[PATH_MAX_LEN];
	struct buf bracketed;
	struct smtp_path path;
	struct str rest, bare = bare_of(argument);
	bool whole = str_rfind(bare, '@') >= 0;
	if (!whole && conf->domain_count == 0) return POLICY_VERIFY_BAD;
	if (!whole && (conf->domain_count > 1 || conf->domains[0].name_count > 1))
		return POLICY_VERIFY_AMBIGUOUS;
	buf_init_fixed(&bracketed, text, sizeof text);
	buf_byte(&bracketed, '<');
	buf_str(&bracketed, bare);
	if (!whole) buf_byte(&bracketed, '@');
	if (!whole) buf_str(&bracketed, conf->domains[0].names[0]);
	buf_byte(&bracketed, '>');
	if (bracketed.overflowed ||
	    smtp_path_parse(buf_view(&bracketed), SMTP_FORWARD_PATH, &path, &rest) != SMTP_PATH_OK ||
	    rest.len)
		return POLICY_VERIFY_BAD;
	smtp_path_write(address, &path);
	return address->overflowed ? POLICY_VERIFY_BAD : POLICY_VERIFY_OK;
}
