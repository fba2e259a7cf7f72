/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "services/frame.h"

enum { UID_FIRST = 61700 }; /* outside of what distributions give out by themselves */

static bool runs_many(enum role role) { return role == ROLE_RECEIVE || role == ROLE_MAILBOX; }

void frame_title(char title[FRAME_TITLE_MAX], enum role role, unsigned index)
{
	if (runs_many(role))
		(void)snprintf(title, FRAME_TITLE_MAX, "%s[%u]", role_name(role), index);
	else
		(void)snprintf(title, FRAME_TITLE_MAX, "%s", role_name(role));
}

struct process_user frame_user(enum role role)
{
	char account[FRAME_TITLE_MAX];
	(void)snprintf(account, sizeof account, "ims-%s", role_name(role));
	return process_user_find(account, UID_FIRST + (uid_t)role);
}
