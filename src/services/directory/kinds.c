/* SPDX-License-Identifier: Apache-2.0 */
/* Which backend a block of the configuration means; lib/conf/check_directory.c says which
 * may stand beside each other. */
#include "lib/conf/conf.h"
#include "services/directory/file.h"
#include "services/directory/ldapdir.h"

const struct backend *backend_lists(const struct conf_directory *c)
{
	if (c->file.len) return &backend_file;
	if (c->ldap.urls.count) return &backend_ldap;
	return NULL;
}

const struct backend *backend_checks(const struct conf_directory *c)
{
	if (c->ldap.urls.count) return &backend_ldap;
	return NULL;
}
