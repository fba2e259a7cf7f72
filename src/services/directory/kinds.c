/* SPDX-License-Identifier: Apache-2.0 */
/* Which backend a block of the configuration means; lib/conf/check_directory.c says which
 * may stand beside each other. */
#include "lib/conf/conf.h"
#include "services/directory/dovecot.h"
#include "services/directory/file.h"
#include "services/directory/ldapdir.h"
#include "services/directory/pam.h"
#include "services/directory/postgres.h"

const struct backend *backend_lists(const struct conf_directory *c)
{
	if (c->file.len) return &backend_file;
	if (c->ldap.urls.count) return &backend_ldap;
	if (c->postgres.conninfo.count) return &backend_postgres;
	if (!c->dovecot.userdb.len) return NULL;
	return c->dovecot.auth.len ? &backend_dovecot : &backend_dovecot_userdb;
}

const struct backend *backend_checks(const struct conf_directory *c)
{
	if (c->pam.service.count) return &backend_pam;
	if (!c->dovecot.auth.len) return c->ldap.urls.count ? &backend_ldap : NULL;
	return c->dovecot.userdb.len ? &backend_dovecot : &backend_dovecot_auth;
}
