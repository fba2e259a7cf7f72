/* SPDX-License-Identifier: Apache-2.0 */
#include "services/frame.h"

int main(int argc, char **argv)
{
	static const struct role_ops *const roles[ROLE_COUNT] = {
		[ROLE_RECEIVE] = &receive_role,
		[ROLE_SPOOL] = &spool_role,
		[ROLE_MAILBOX] = &mailbox_role,
		[ROLE_JOURNAL] = &journal_role,
		[ROLE_DIRECTORY] = &directory_role,
		[ROLE_CONSOLE] = &console_role,
		[ROLE_DELIVER] = &deliver_role,
		[ROLE_BOUNCE] = &bounce_role,
		[ROLE_DNS] = &dns_role,
		[ROLE_HTTP] = &http_role,
	};
	return imsd_main(argc, argv, roles);
}
