/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of users who are kept by others: PostgreSQL, Dovecot, PAM. */
#include "lib/conf/parser.h"

#define AT CONF_REPORT_AT

enum { SERVICE_MAX = 63 };

static bool holds(struct str text, struct str what)
{
	for (; text.len >= what.len; text = str_from(text, 1))
		if (str_starts_nocase(text, what)) return true;
	return false;
}

/* In a URL it stands behind the user's name. The rest is looked at by libpq. */
static bool has_password(struct str conninfo)
{
	struct str rest = conninfo;
	if (holds(conninfo, STR("password=")) || holds(conninfo, STR("password =")))
		return true;
	if (!str_starts(conninfo, STR("postgres://")) &&
	    !str_starts(conninfo, STR("postgresql://")))
		return false;
	(void)str_cut(&rest, '/');
	(void)str_cut(&rest, '/');
	struct str authority = str_cut(&rest, '/');
	ptrdiff_t at = str_rfind(authority, '@');
	return at >= 0 && str_find(str_sub(authority, 0, (size_t)at), ':') >= 0;
}

static void check_postgres(struct conf_parser *p, const struct conf_postgres *c)
{
	if (c->conninfo.count && has_password(c->conninfo.at[0]))
		AT(p, CONF_ERROR, &c->conninfo_from, STR("postgres"),
		   "a password here could be read by everybody who may see the "
		   "configuration; "
		   "put it into a secret and write secret NAME");
	if (c->find.len && !holds(c->find, STR("$1")))
		AT(p, CONF_ERROR, &c->find_from, STR("find"),
		   "this query finds the same for everybody; write $1 where the address "
		   "is to "
		   "stand");
}

static bool is_place(struct str place)
{
	uint64_t port = 0;
	struct ip ip;
	if (place.len && place.at[0] == '/') return true;
	ptrdiff_t colon = str_rfind(place, ':');
	if (colon <= 0 || !str_to_u64(str_from(place, (size_t)colon + 1), &port) ||
	    port == 0 || port > UINT16_MAX)
		return false;
	struct str host = str_sub(place, 0, (size_t)colon);
	if (host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = str_sub(host, 1, host.len - 2);
	return ip_parse(host, &ip);
}

static void check_place(struct conf_parser *p, const struct conf_origin *from,
			struct str place)
{
	struct conf_quote quote;
	if (conf_is_said(from) && !is_place(place))
		AT(p, CONF_ERROR, from, place,
		   "'%s' is not a socket; write its PATH or ADDRESS:PORT",
		   conf_quote(&quote, place));
}

static bool is_service(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alnum(name.at[i]) && str_find(STR("-_"), name.at[i]) < 0)
			return false;
	return name.len && name.len <= SERVICE_MAX;
}

static void check_pam(struct conf_parser *p, const struct conf_pam *c)
{
	struct conf_quote quote;
	if (c->service.count && !is_service(c->service.at[0]))
		AT(p, CONF_ERROR, &c->service_from, c->service.at[0],
		   "'%s' is not the name of a service; names have letters, digits, - and "
		   "_, at "
		   "most 63",
		   conf_quote(&quote, c->service.at[0]));
}

void conf_check_outside(struct conf_parser *p, const struct conf_directory *d)
{
	check_postgres(p, &d->postgres);
	check_place(p, &d->dovecot.auth_from, d->dovecot.auth);
	check_place(p, &d->dovecot.userdb_from, d->dovecot.userdb);
	check_pam(p, &d->pam);
}
