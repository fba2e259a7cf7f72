/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "services/master/master.h"

static const char usage[] =
	"usage: imsd [--config FILE] [--foreground] [--check]\n"
	"       imsd --version | --help\n"
	"\n"
	"  --config FILE  the configuration (default /etc/ims/ims.conf)\n"
	"  --check        only say what is wrong with it\n"
	"  --foreground   stay in the foreground; imsd always does\n"
	"\n"
	"SIGHUP reads the configuration again; SIGTERM finishes what is in hand and "
	"stops,\n"
	"a second one stops at once.\n";

int options_parse(int argc, char **argv, struct options *o, bool *go)
{
	*o = (struct options){ .config = "/etc/ims/ims.conf" };
	*go = false;
	for (int i = 1; i < argc; i++) {
		struct str arg = str_of(argv[i]);
		if (str_eq(arg, STR("--config")) && i + 1 < argc) {
			o->config = argv[++i];
		} else if (str_starts(arg, STR("--config="))) {
			o->config = argv[i] + sizeof "--config=" - 1;
		} else if (str_eq(arg, STR("--check"))) {
			o->check = true;
		} else if (str_eq(arg, STR("--version"))) {
			puts("imsd " IMS_VERSION);
			return 0;
		} else if (str_eq(arg, STR("--help"))) {
			fputs(usage, stdout);
			return 0;
		} else if (!str_eq(arg, STR("--foreground"))) {
			fprintf(stderr, "imsd: unexpected argument: %s\n%s", argv[i],
				usage);
			return EX_USAGE;
		}
	}
	*go = true;
	return 0;
}
