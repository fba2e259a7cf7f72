/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/fault.h"

#ifdef IMS_FAULTS
#include <signal.h>
#include <stdlib.h>
#include <string.h>

void fault_check(const char *place, struct str text)
{
	const char *wish = getenv("IMS_FAULT");
	size_t len = strlen(place);
	if (!wish || strncmp(wish, place, len) != 0 || wish[len] != '=') return;
	const char *needle = wish + len + 1;
	if (text.len == 0 || !memmem(text.at, text.len, needle, strlen(needle))) return;
	/* A real fault, so that si_code says "by the kernel" and not "by kill". The compiler
	 * must not see where the pointer leads, or it refuses. */
	int *volatile nowhere = (int *)8;
	*nowhere = 0;
}
#else
typedef int fault_is_not_built_in;
#endif
