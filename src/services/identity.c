/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "services/frame.h"

static bool runs_many(enum role role)
{
	return role == ROLE_RECEIVE || role == ROLE_MAILBOX || role == ROLE_DELIVER;
}

void frame_title(char title[FRAME_TITLE_MAX], enum role role, unsigned index)
{
	if (runs_many(role))
		(void)snprintf(title, FRAME_TITLE_MAX, "%s[%u]", role_name(role), index);
	else (void)snprintf(title, FRAME_TITLE_MAX, "%s", role_name(role));
}
