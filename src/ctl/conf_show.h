/* SPDX-License-Identifier: Apache-2.0 */
/* imsctl check, imsctl config; imsd --check is the first one too. Both read files, print
 * errors and warnings to standard error, and return an exit code: 0, 78 if there are
 * errors, 70 if the result could not be printed. */
#ifndef IMS_CTL_CONF_SHOW_H
#define IMS_CTL_CONF_SHOW_H

#include "lib/conf/conf.h"

/* One line to standard output if the file is good. */
int ctl_check(const char *path);
int ctl_config(const char *path, enum conf_show_mode mode);
/* Loads and parses; NULL if there was an error. Errors and warnings have been printed. */
struct conf *ctl_conf_read(const char *path);

#endif
