/* SPDX-License-Identifier: Apache-2.0 */
#include "services/frame.h"

/* The roles that are built in; src/meson.build says which. */
int main(int argc, char **argv)
{
	static const struct role_ops *const roles[ROLE_COUNT] = {
#ifdef IMS_WITH_RECEIVE
		[ROLE_RECEIVE] = &receive_role,
#endif
#ifdef IMS_WITH_SPOOL
		[ROLE_SPOOL] = &spool_role,
#endif
#ifdef IMS_WITH_MAILBOX
		[ROLE_MAILBOX] = &mailbox_role,
#endif
#ifdef IMS_WITH_JOURNAL
		[ROLE_JOURNAL] = &journal_role,
#endif
#ifdef IMS_WITH_DIRECTORY
		[ROLE_DIRECTORY] = &directory_role,
#endif
#ifdef IMS_WITH_CONSOLE
		[ROLE_CONSOLE] = &console_role,
#endif
	};
	return imsd_main(argc, argv, roles);
}
