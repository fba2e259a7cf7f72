/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ipc/identity.h"

#include <stdio.h>

enum { UID_FIRST = 61700, ACCOUNT_MAX = 32 };

struct process_user role_user(enum role role)
{
	char account[ACCOUNT_MAX];
	(void)snprintf(account, sizeof account, "ims-%s", role_name(role));
	return process_user_find(account, UID_FIRST + (uid_t)role);
}
