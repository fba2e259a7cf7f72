/* SPDX-License-Identifier: Apache-2.0 */
/* What only the whole configuration can show, about the lists of users. */
#include "lib/conf/parser.h"

#define AT CONF_REPORT_AT

/* Of each directory one is the list of users. */
static const struct kind {
	struct str word;
	size_t from; /* origin of the setting that says where it is */
	bool keys;   /* has what SCRAM needs */
} kinds[] = {
	{ STR_INIT("sqlite"), offsetof(struct conf_directory, sqlite_from), true },
	{ STR_INIT("file"), offsetof(struct conf_directory, file_from), false },
	{ STR_INIT("ldap"), offsetof(struct conf_directory, ldap.urls_from), false },
	{ STR_INIT("postgres"), offsetof(struct conf_directory, postgres.conninfo_from), true },
	{ STR_INIT("dovecot"), offsetof(struct conf_directory, dovecot.userdb_from), false },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const struct conf_origin *said(const struct conf_directory *d, const struct kind *kind)
{
	const struct conf_origin *from = (const void *)((const char *)d + kind->from);
	return conf_is_said(from) ? from : NULL;
}

/* Compares passwords, also beside a list. */
static const struct conf_origin *checker_of(const struct conf_directory *d)
{
	if (conf_is_said(&d->pam.service_from)) return &d->pam.service_from;
	return conf_is_said(&d->dovecot.auth_from) ? &d->dovecot.auth_from : NULL;
}

static const struct kind *kind_of(const struct conf_directory *d)
{
	for (size_t i = 0; i < KINDS; i++)
		if (said(d, &kinds[i])) return &kinds[i];
	return NULL;
}

/* -- LDAP ------------------------------------------------------------------------------
 */

static void check_url(struct conf_parser *p, const struct conf_ldap *l, struct str url)
{
	struct conf_quote quote;
	struct str host = url;
	if (str_starts_nocase(url, STR("ldap://"))) host = str_from(url, 7);
	else if (str_starts_nocase(url, STR("ldaps://")) ||
		 str_starts_nocase(url, STR("ldapi://")))
		host = str_from(url, 8);
	else host = STR("");
	bool good = host.len > 0;
	for (size_t i = 0; i < host.len; i++)
		good &= ascii_is_print(host.at[i]) && str_find(STR(" /?#"), host.at[i]) < 0;
	if (!good)
		AT(p, CONF_ERROR, &l->urls_from, url,
		   "'%s' is not the URL of an LDAP server; write ldaps://HOST or ldap://HOST:PORT, "
		   "without anything behind it",
		   conf_quote(&quote, url));
}

static bool is_attribute(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alnum(name.at[i]) && str_find(STR("-;."), name.at[i]) < 0)
			return false;
	return true;
}

static void check_attribute(struct conf_parser *p, const struct conf_origin *from,
			    struct str name)
{
	struct conf_quote quote;
	if (!is_attribute(name))
		AT(p, CONF_ERROR, from, name, "'%s' is not the name of an attribute",
		   conf_quote(&quote, name));
}

static void check_filter(struct conf_parser *p, const struct conf_ldap *l)
{
	struct str f = l->filter;
	bool good = f.len == 0 || (f.at[0] == '(' && f.at[f.len - 1] == ')');
	bool asks = f.len == 0;
	long depth = 0;
	for (size_t i = 0; good && i < f.len; i++) {
		depth += (f.at[i] == '(') - (f.at[i] == ')');
		good = depth >= 0;
		if (f.at[i] != '%') continue;
		i++;
		good &= i < f.len && str_find(STR("und%"), f.at[i]) >= 0;
		asks |= i < f.len && str_find(STR("un"), f.at[i]) >= 0;
	}
	if (!good || depth != 0)
		AT(p, CONF_ERROR, &l->filter_from, f,
		   "this is not a filter; write (mail=%%u), where behind %% stands u (address), n "
		   "(local part), d (domain) or %%");
	else if (!asks)
		AT(p, CONF_ERROR, &l->filter_from, f,
		   "this filter finds the same for everybody; write %%u where the address is to "
		   "stand, or %%n for the local part");
}

static void check_ldap(struct conf_parser *p, const struct conf_directory *d)
{
	const struct conf_ldap *l = &d->ldap;
	for (size_t i = 0; i < l->urls.count; i++) check_url(p, l, l->urls.at[i]);
	if (l->urls.count && !conf_is_said(&l->base_from))
		AT(p, CONF_ERROR, &l->urls_from, STR("ldap"),
		   "directory '%.*s' does not say where in LDAP its users are; write base "
		   "dc=example,dc=com",
		   STR_ARG(d->name));
	if (conf_is_said(&l->bind_from) && !conf_is_said(&l->secret_from))
		AT(p, CONF_ERROR, &l->bind_from, STR("bind"),
		   "the password of this DN is not named; write secret NAME");
	if (conf_is_said(&l->secret_from) && !conf_is_said(&l->bind_from))
		AT(p, CONF_ERROR, &l->secret_from, STR("secret"),
		   "it is not said whose password this is; write bind DN");
	check_filter(p, l);
	check_attribute(p, &l->address_from, l->address);
	check_attribute(p, &l->aliases_from, l->aliases);
	check_attribute(p, &l->home_from, l->home);
}

static void check_secret(struct conf_parser *p, const struct conf_origin *from,
			 struct str name)
{
	struct conf_quote quote;
	if (conf_is_said(from) && name.len && (!conf_is_name(name) || name.at[0] == '.'))
		AT(p, CONF_ERROR, from, name,
		   "'%s' is not a name of a secret; names have letters, digits, dots, - and _, "
		   "and do not begin with a dot",
		   conf_quote(&quote, name));
}

/* -- All -------------------------------------------------------------------------------
 */

static void check_lists(struct conf_parser *p, const struct conf_directory *d)
{
	const struct kind *first = kind_of(d);
	if (!first && !checker_of(d))
		AT(p, CONF_ERROR, &d->origin, d->name,
		   "directory '%.*s' does not say where it is; write sqlite PATH",
		   STR_ARG(d->name));
	for (const struct kind *k = first ? first + 1 : kinds + KINDS; k < kinds + KINDS; k++)
		if (said(d, k))
			AT(p, CONF_ERROR, said(d, k), k->word,
			   "directory '%.*s' has two lists of users, %.*s and %.*s; make "
			   "a directory of each",
			   STR_ARG(d->name), STR_ARG(first->word), STR_ARG(k->word));
	if (conf_is_said(&d->pam.service_from) && conf_is_said(&d->dovecot.auth_from))
		AT(p, CONF_ERROR, &d->dovecot.auth_from, STR("auth"),
		   "directory '%.*s' has two that compare passwords, pam and dovecot; leave one "
		   "away",
		   STR_ARG(d->name));
}

/* Settings of what is asked in another way. */
static void check_unused(struct conf_parser *p, const struct conf_directory *d)
{
	const struct { const struct conf_origin *from; struct str word; } rows[] = {
		{ &d->home_from, STR("home") },
		{ &d->connections_from, STR("connections") },
		{ &d->timeout_ms_from, STR("timeout") },
		{ &d->cache_ms_from, STR("cache") },
	};
	if (!conf_is_said(&d->sqlite_from)) return;
	/* The others are for those who compare passwords. */
	size_t count = checker_of(d) ? 1 : sizeof rows / sizeof *rows;
	for (size_t i = 0; i < count; i++)
		if (conf_is_said(rows[i].from))
			AT(p, CONF_WARNING, rows[i].from, rows[i].word,
			   "'%.*s' means nothing here: an SQLite database is read as it is",
			   STR_ARG(rows[i].word));
}

/* A client takes the first mechanism that it knows, and would fail with SCRAM for ever where
 * the directory has no keys for it. */
static void check_mechanisms(struct conf_parser *p)
{
	struct conf *conf = p->conf;
	struct conf_auth *auth = &conf->auth;
	const unsigned scram = CONF_FLAG(AUTH_SCRAM_SHA_256) | CONF_FLAG(AUTH_SCRAM_SHA_256_PLUS) |
			       CONF_FLAG(AUTH_SCRAM_SHA_1);
	const struct conf_directory *without = NULL;
	for (size_t i = 0; i < conf->domain_count && !without; i++) {
		const struct conf_directory *d = conf->domains[i].users.directory;
		const struct kind *kind = d ? kind_of(d) : NULL;
		if (d && (!kind || !kind->keys || checker_of(d))) without = d;
	}
	if (!without || !(auth->mechanisms & scram)) return;
	if (conf_is_said(&auth->mechanisms_from))
		AT(p, CONF_WARNING, &auth->mechanisms_from, STR("mechanisms"),
		   "users of directory '%.*s' cannot log in by SCRAM: it has no keys for it; "
		   "leave SCRAM out of mechanisms",
		   STR_ARG(without->name));
	else auth->mechanisms &= ~scram;
}

void conf_check_directories(struct conf_parser *p)
{
	const struct conf *conf = p->conf;
	for (size_t i = 0; i < conf->directory_count; i++) {
		const struct conf_directory *d = &conf->directories[i];
		const struct conf_directory *first = conf_directory_find(conf, d->name);
		if (first != d)
			conf_report_twice(p, CONF_BLOCK_conf_directory, d->name,
					  &d->origin, &first->origin);
		if (str_eq(d->name, STR("any")))
			AT(p, CONF_ERROR, &d->origin, d->name,
			   "a directory cannot be named 'any', which stands for every "
			   "address");
		check_lists(p, d);
		check_unused(p, d);
		if (conf_is_said(&d->ldap.urls_from)) check_ldap(p, d);
		check_secret(p, &d->ldap.secret_from, d->ldap.secret);
		check_secret(p, &d->postgres.secret_from, d->postgres.secret);
		conf_check_outside(p, d);
	}
	check_mechanisms(p);
}
