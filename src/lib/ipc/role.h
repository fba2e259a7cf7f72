/* SPDX-License-Identifier: Apache-2.0 */
/* The roles that imsd plays, one process each (ARCHITECTURE.md, "Processes"). */
#ifndef IMS_IPC_ROLE_H
#define IMS_IPC_ROLE_H

#include "lib/base/str.h"

/*        NAME        name         one process a core? */
#define ROLES(R) \
	R(MASTER,     "master")    \
	R(RECEIVE,    "receive")   \
	R(SPOOL,      "spool")     \
	R(MAILBOX,    "mailbox")   \
	R(JOURNAL,    "journal")   \
	R(DIRECTORY,  "directory") \
	R(CONSOLE,    "console")   \
	R(DELIVER,    "deliver")   \
	R(BOUNCE,     "bounce")    \
	R(DNS,        "dns")       \
	R(HTTP,       "http")

enum role {
#define R(NAME, text) ROLE_##NAME,
	ROLES(R)
#undef R
	ROLE_COUNT
};

const char *role_name(enum role role);
bool role_parse(struct str name, enum role *out);

#endif
