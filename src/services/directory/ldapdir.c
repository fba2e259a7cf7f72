/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/ldapdir.h"

#include <stdlib.h>
#include <string.h>

#include "lib/os/sandbox.h"
#include "services/directory/ldapdir_parts.h"

enum { VALUES_MAX = 256 };

/* --- a search ------------------------------------------------------------------------ */

/* Who was found. The rest is the message's. */
struct found {
	LDAPMessage *message;
	LDAPMessage *entry; /* NULL: nobody */
};

static void not_one(LDAP *ld, LDAPMessage *message, struct str address, struct buf *why)
{
	LDAPMessage *first = ldap_first_entry(ld, message);
	LDAPMessage *second = first ? ldap_next_entry(ld, first) : NULL;
	char *a = first ? ldap_get_dn(ld, first) : NULL;
	char *b = second ? ldap_get_dn(ld, second) : NULL;
	buf_reset(why);
	buf_str(why, STR("two entries match "));
	buf_str(why, str_sub(address, 0, 80));
	if (a && b && str_of(a).len + str_of(b).len < 140)
		buf_fmt(why, ": %s and %s", a, b);
	ldap_memfree(a);
	ldap_memfree(b);
}

/* What the entries and the result of the search say together. */
static enum backend_result weigh(LDAP *ld, int code, struct str address, struct found *f,
				 struct buf *why)
{
	char text[256];
	int count = f->message ? ldap_count_entries(ld, f->message) : 0;
	if (code == LDAP_SIZELIMIT_EXCEEDED || count > 1) {
		not_one(ld, f->message, address, why);
		return BACKEND_UNSURE;
	}
	if (code != LDAP_SUCCESS) {
		ldapdir_words(ld, text, sizeof text);
		ldapdir_why(why, "search", code, str_of(text));
		return BACKEND_DOWN;
	}
	if (count < 1) return BACKEND_NONE;
	f->entry = ldap_first_entry(ld, f->message);
	return f->entry ? BACKEND_OK : BACKEND_DOWN;
}

/* The code of the search's own result, or of why there is none. */
static int result_of(LDAP *ld, int got, LDAPMessage *message)
{
	int code = LDAP_SERVER_DOWN, parsed = LDAP_SUCCESS;
	if (got == 0) return LDAP_TIMEOUT;
	if (got < 0 || !message) {
		(void)ldap_get_option(ld, LDAP_OPT_RESULT_CODE, &code);
		return code == LDAP_SUCCESS ? LDAP_SERVER_DOWN : code;
	}
	parsed = ldap_parse_result(ld, message, &code, NULL, NULL, NULL, NULL, 0);
	return parsed == LDAP_SUCCESS ? code : parsed;
}

/* Two entries are enough to know that one too many matches. */
static enum backend_result search(struct ldapdir_conn *conn, struct str address, int64_t until_ms,
				  struct found *f, struct buf *why)
{
	const struct backend_settings *c = conn->settings;
	char memory[LDAPDIR_FILTER_MAX];
	struct buf filter;
	const char *wanted[] = { ldapdir_address_attribute(c), ldapdir_aliases_attribute(c),
				 c->ldap.home };
	char *attributes[4] = { NULL };
	size_t count = 0;
	for (size_t i = 0; i < 3; i++)
		if (wanted[i][0]) attributes[count++] = (char *)(uintptr_t)wanted[i];
	*f = (struct found){ 0 };
	buf_init_fixed(&filter, memory, sizeof memory);
	ldapdir_filter_write(&filter, c, address);
	buf_byte(&filter, '\0');
	if (filter.overflowed) {
		buf_reset(why);
		buf_str(why, STR("the filter is too long with this address in it"));
		return BACKEND_UNSURE;
	}
	struct timeval left = ldapdir_time_left(until_ms);
	struct timeval limit = { .tv_sec = left.tv_sec + 1 };
	int id = 0;
	int code = ldap_search_ext(conn->search, c->ldap.base, LDAP_SCOPE_SUBTREE, memory,
				   attributes, 0, NULL, NULL, &limit, 2, &id);
	if (code == LDAP_SUCCESS) {
		int got = ldap_result(conn->search, id, LDAP_MSG_ALL, &left, &f->message);
		code = result_of(conn->search, got, f->message);
	}
	return weigh(conn->search, code, address, f, why);
}

static struct ldapdir_values values_of(LDAP *ld, LDAPMessage *entry, const char *attribute,
				    struct berval ***all, struct str *memory)
{
	struct ldapdir_values values = { memory, 0 };
	*all = attribute[0] ? ldap_get_values_len(ld, entry, attribute) : NULL;
	for (size_t i = 0; *all && (*all)[i] && values.count < VALUES_MAX; i++)
		memory[values.count++] = (struct str){ (*all)[i]->bv_val, (*all)[i]->bv_len };
	return values;
}

static enum backend_result entry_take(struct ldapdir_conn *conn, LDAPMessage *entry,
				      struct backend_entry *out, struct buf *why)
{
	struct str memory[3][VALUES_MAX];
	struct berval **all[3];
	LDAP *ld = conn->search;
	const struct backend_settings *c = conn->settings;
	struct ldapdir_values addresses =
		values_of(ld, entry, ldapdir_address_attribute(c), &all[0], memory[0]);
	struct ldapdir_values aliases =
		values_of(ld, entry, ldapdir_aliases_attribute(c), &all[1], memory[1]);
	struct ldapdir_values homes = values_of(ld, entry, c->ldap.home, &all[2], memory[2]);
	bool good = BACKEND_PUT(out, address, ldapdir_own_address(addresses, aliases)) &&
		    BACKEND_PUT(out, home, ldapdir_home(homes));
	out->checks = true;
	for (size_t i = 0; i < 3; i++)
		if (all[i]) ldap_value_free_len(all[i]);
	if (good) return BACKEND_OK;
	buf_reset(why);
	buf_str(why, STR("the entry has an address or a home that cannot be used"));
	return BACKEND_UNSURE;
}

/* --- the backend ---------------------------------------------------------------------- */

static enum backend_result ldapdir_find(void *arg, struct str address,
				     struct backend_entry *entry, struct buf *why)
{
	struct ldapdir_conn *conn = arg;
	struct found f;
	int64_t until_ms = ldapdir_clock_ms() + conn->settings->timeout_ms;
	enum backend_result result = search(conn, address, until_ms, &f, why);
	if (result == BACKEND_OK) result = entry_take(conn, f.entry, entry, why);
	if (f.message) (void)ldap_msgfree(f.message);
	return result;
}

/* Nobody's: of a user who does not exist a bind takes as long as of one who does. */
static void nobody(struct buf *dn, const struct backend_settings *c)
{
	buf_str(dn, STR("cn=ims-nobody,"));
	buf_str(dn, str_of(c->ldap.base));
	buf_byte(dn, '\0');
}

/* A connection for binds that was closed meanwhile is made anew, once. */
static enum backend_result bind_as(struct ldapdir_conn *conn, const char *dn,
				   struct str password, int64_t until_ms, struct buf *why)
{
	for (;;) {
		bool kept = conn->user != NULL;
		if (!kept)
			conn->user = ldapdir_connect(conn->settings, conn->url, until_ms, why);
		if (!conn->user) return BACKEND_DOWN;
		struct ldapdir_bound bound =
			ldapdir_simple_bind_by(conn->user, dn, password, until_ms);
		enum backend_result result =
			ldapdir_bind_result(bound.code, str_of(bound.text), bound.policy, why);
		if (result != BACKEND_DOWN) return result;
		ldapdir_disconnect(conn->user);
		conn->user = NULL;
		if (!kept || bound.code != LDAP_SERVER_DOWN) return BACKEND_DOWN;
	}
}

static enum backend_result ldapdir_verify(void *arg, struct str address, struct str password,
				       struct backend_entry *entry, struct buf *why)
{
	struct ldapdir_conn *conn = arg;
	struct found f;
	char memory[1024];
	struct buf dn;
	int64_t until_ms = ldapdir_clock_ms() + conn->settings->timeout_ms;
	enum backend_result result = search(conn, address, until_ms, &f, why);
	if (result == BACKEND_OK) result = entry_take(conn, f.entry, entry, why);
	if (result == BACKEND_OK) {
		char *own = ldap_get_dn(conn->search, f.entry);
		result = own && own[0] ? bind_as(conn, own, password, until_ms, why)
				       : BACKEND_DOWN;
		ldap_memfree(own);
	} else if (result == BACKEND_NONE) {
		buf_init_fixed(&dn, memory, sizeof memory);
		nobody(&dn, conn->settings);
		enum backend_result none = bind_as(conn, memory, password, until_ms, why);
		buf_reset(why);
		if (none == BACKEND_DOWN) result = BACKEND_DOWN;
	}
	if (f.message) (void)ldap_msgfree(f.message);
	return result;
}

static void ldapdir_close(void *arg)
{
	struct ldapdir_conn *conn = arg;
	ldapdir_disconnect(conn->search);
	ldapdir_disconnect(conn->user);
	free(conn);
}

/* Bound as the one who looks for users, or anonymously. Anonymous means: asked whether it
 * is there, for a connection is made with the first request only. */
static bool log_in(LDAP *ld, const struct backend_settings *c, const char *url,
		   int64_t until_ms, struct buf *why)
{
	struct str secret = { c->secret, c->secret_len };
	if (!c->ldap.bind[0]) {
		struct timeval left = ldapdir_time_left(until_ms);
		char *nothing[] = { (char *)(uintptr_t)LDAP_NO_ATTRS, NULL };
		LDAPMessage *message = NULL;
		int code = ldap_search_ext_s(ld, "", LDAP_SCOPE_BASE, NULL, nothing, 0, NULL,
					     NULL, &left, 1, &message);
		if (message) (void)ldap_msgfree(message);
		if (code == LDAP_SUCCESS) return true;
		ldapdir_why(why, url, code, STR(""));
		return false;
	}
	if (!secret.len) {
		buf_reset(why);
		buf_str(why, STR("the secret of the bind DN could not be read"));
		return false;
	}
	struct ldapdir_bound bound = ldapdir_simple_bind_by(ld, c->ldap.bind, secret, until_ms);
	if (bound.code == LDAP_SUCCESS) return true;
	ldapdir_why(why, url, bound.code, str_of(bound.text));
	return false;
}

/* The servers in their order. Each has its part of the time, so that one that hangs leaves
 * some for the next, and all together leave some for the question. */
static void *ldapdir_open(const struct backend_settings *c, struct buf *why)
{
	struct ldapdir_conn *conn = calloc(1, sizeof *conn);
	if (!conn) return NULL;
	conn->settings = c;
	int64_t part_ms = c->timeout_ms * 3 / 4 / (int64_t)(c->ldap.url_count ? c->ldap.url_count : 1);
	for (size_t i = 0; i < c->ldap.url_count; i++) {
		int64_t until_ms = ldapdir_clock_ms() + part_ms;
		conn->url = c->ldap.urls[i];
		conn->search = ldapdir_connect(c, conn->url, until_ms, why);
		if (conn->search && log_in(conn->search, c, conn->url, until_ms, why))
			return conn;
		ldapdir_disconnect(conn->search);
		conn->search = NULL;
	}
	free(conn);
	return NULL;
}

/* The library reads its files, and finds out how this host is called, when it is first
 * used; its own configuration and variables would mix with ours. */
static bool ldapdir_prepare(const struct backend_settings *c, struct buf *why)
{
	static const char *const paths[] = {
		"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf",
		"/etc/gai.conf", "/etc/ssl/certs", "/usr/share/ca-certificates", "/etc/gnutls",
	};
	LDAPAPIInfo info = { .ldapai_info_version = LDAP_API_INFO_VERSION };
	(void)setenv("LDAPNOINIT", "1", 1);
	if (ldap_get_option(NULL, LDAP_OPT_API_INFO, &info) == LDAP_OPT_SUCCESS) {
		ldap_memfree(info.ldapai_vendor_name);
		ber_memvfree((void **)info.ldapai_extensions);
	}
	sandbox_allow_clients();
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		(void)sandbox_allow_path(paths[i], false); /* many systems lack one */
	/* Its folder, for a file that is put in the place of another is another one. */
	struct str file = str_of(c->ldap.certificates);
	ptrdiff_t slash = str_rfind(file, '/');
	char folder[1024];
	if (slash < 0 || !str_to_cstr(str_sub(file, 0, slash ? (size_t)slash : 1), folder,
				      sizeof folder))
		return true;
	int error = sandbox_allow_path(folder, false);
	if (error) buf_fmt(why, "%s: %s", folder, strerror(-error));
	return !error;
}

const struct backend backend_ldap = {
	.name = "ldap",
	.prepare = ldapdir_prepare,
	.open = ldapdir_open,
	.find = ldapdir_find,
	.verify = ldapdir_verify,
	.close = ldapdir_close,
};
