/* SPDX-License-Identifier: Apache-2.0 */
/* PAM's modules are foreign code that may need root and may do anything: so they run in
 * processes of their own. The helper is forked off with the first rights and keeps them;
 * it loads no module and does nothing but fork a child for each password, which answers
 * and ends. A child that hangs is killed when the one who asked has given up; one that
 * dies costs its answer. The helper knows one service, from the configuration: whoever
 * holds the other end can have passwords compared by that, and nothing else. */
#ifndef IMS_DIRECTORY_PAM_HELPER_H
#define IMS_DIRECTORY_PAM_HELPER_H

#include "services/directory/pam_check.h"

enum {
	PAM_CHILDREN_MAX = 16, /* at one time; more wait */
	PAM_USER_MAX = 320,
	PAM_PASSWORD_MAX = 511,
	PAM_WHY_MAX = 220,
};

/* Forks the helper: before there are threads. A descriptor of it that ends when the helper
 * does, and with which the helper ends; or -errno. */
int pam_helper_start(const struct pam_service *service);
/* Asks by that descriptor; from any thread. No answer, or not in time, is DOWN. */
enum pam_verdict pam_helper_ask(int helper, struct str user, struct str password,
				int64_t deadline_ms, struct buf *why);

#endif
