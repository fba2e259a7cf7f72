/* SPDX-License-Identifier: Apache-2.0 */
/* imsctl user: the embedded directory's administration. Works on the database itself,
 * whether the service runs or not. */
#ifndef IMS_CTL_USER_H
#define IMS_CTL_USER_H

#include "lib/conf/conf.h"

/*   add ADDRESS [--home SERVER] [--password-stdin] [--directory NAME]
 *   passwd ADDRESS [--directory NAME]
 *   del ADDRESS [--yes] [--directory NAME]
 *   list [--json] [--directory NAME]
 * argv[0] is the first word after `user`; `json` and `yes` as if --json and --yes
 * stood there. NAME may be left out where the configuration
 * has one SQLite directory only. passwd reads the password from standard input, at a
 * terminal it asks for it; add does so with --password-stdin, or at a terminal. Without a
 * password the user gets mail but cannot log in. del asks at a terminal unless --yes.
 *
 * Returns a sysexits status: 0, 64 usage, 65 an address, a password or a database that is
 * no good, 67 no such user, 73 the user or the file cannot be made (or exists), 75 locked
 * or disk trouble, 77 no right, 78 no such directory in the configuration. */
int ctl_user(const struct conf *conf, bool json, bool yes, int argc, char **argv);

/* As root we become the owner of the database before it is opened, so that no file of it
 * ever belongs to root and locks the service out. 0 or -errno; `became` is for the way
 * back. */
int user_become_owner(int folder, struct str name, bool *became);
void user_become_self(bool became);

#endif
