/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "services/master/master.h"
#include "services/setup.h"

int imsd_main(int argc, char **argv, const struct role_ops *const roles[ROLE_COUNT])
{
	const char *name = getenv(SETUP_ENV_ROLE);
	enum role role;
	if (name) {
		if (role_parse(str_of(name), &role) && roles[role])
			return frame_main(roles[role]);
		fprintf(stderr,
			"imsd: a role is started by imsd itself, never by hand\n");
		return EX_USAGE;
	}
	struct options options;
	bool go;
	int status = options_parse(argc, argv, &options, &go);
	if (!go) return status;
	return options.check ? config_check(&options) : master_main(&options, roles);
}
