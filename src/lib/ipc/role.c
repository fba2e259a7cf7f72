/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ipc/role.h"

#include <assert.h>

static const struct str names[ROLE_COUNT] = {
#define R(NAME, text) [ROLE_##NAME] = STR_INIT(text),
	ROLES(R)
#undef R
};

const char *role_name(enum role role)
{
	assert(role < ROLE_COUNT);
	return names[role].at; /* made from literals: NUL-terminated */
}

bool role_parse(struct str name, enum role *out)
{
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (!str_eq(name, names[i])) continue;
		*out = (enum role)i;
		return true;
	}
	return false;
}
