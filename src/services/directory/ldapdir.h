/* SPDX-License-Identifier: Apache-2.0 */
/* LDAP as a directory (RFC 4511), by libldap: users are looked for with a filter, passwords
 * are compared by the server, with a bind as the user. */
#ifndef IMS_DIRECTORY_LDAPDIR_H
#define IMS_DIRECTORY_LDAPDIR_H

#include "services/directory/backend.h"

enum { LDAPDIR_FILTER_MAX = 8192 };

extern const struct backend backend_ldap;

/* --- pure parts ----------------------------------------------------------------------- */

/* ldapdir_filter.c: the filter that finds this address. Overflows `out` if it has no room. */
void ldapdir_filter_write(struct buf *out, const struct backend_settings *c, struct str address);
/* RFC 4515 3: what is not plain text as \XX. */
void ldapdir_filter_escape(struct buf *out, struct str value);
/* Attributes with the user's own address and with others; "" for none. */
const char *ldapdir_address_attribute(const struct backend_settings *c);
const char *ldapdir_aliases_attribute(const struct backend_settings *c);

/* ldapdir_entry.c: what the values of an entry mean. */
struct ldapdir_values {
	const struct str *at;
	size_t count;
};
/* The user's own address: the first of `addresses`, or else the one that SMTP: marks among
 * `aliases`; empty: none. */
struct str ldapdir_own_address(struct ldapdir_values addresses, struct ldapdir_values aliases);
/* A server's name, or that at the end of a name like /o=A/ou=B/cn=NAME. */
struct str ldapdir_home(struct ldapdir_values homes);

/* ldapdir_reason.c: what the result of a bind as a user means. `text`: the server's own words;
 * `policy`: the error of its password policy, or -1. Writes the reason of what is not OK. */
enum backend_result ldapdir_bind_result(int code, struct str text, int policy, struct buf *why);
/* A sentence of what failed, without control characters: "search: Busy (try later)". */
void ldapdir_why(struct buf *why, const char *what, int code, struct str text);

#endif
