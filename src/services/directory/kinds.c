/* SPDX-License-Identifier: Apache-2.0 */
/* Which backend a block of the configuration means. */
#include "lib/conf/conf.h"
#include "services/directory/kinds.h"

const struct backend *backend_lists(const struct conf_directory *c)
{
	(void)c;
	return NULL;
}

const struct backend *backend_checks(const struct conf_directory *c)
{
	(void)c;
	return NULL;
}
