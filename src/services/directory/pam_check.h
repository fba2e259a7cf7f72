/* SPDX-License-Identifier: Apache-2.0 */
/* One password compared by PAM, in this process: modules are loaded, which run as they
 * like and may hang or die. For the helper's children alone (pam_helper.h). */
#ifndef IMS_DIRECTORY_PAM_CHECK_H
#define IMS_DIRECTORY_PAM_CHECK_H

#include "lib/base/buf.h"

enum pam_verdict {
	PAM_VERDICT_YES,
	PAM_VERDICT_NO,    /* wrong, unknown, expired, locked */
	PAM_VERDICT_LATER, /* PAM cannot tell of this user */
	PAM_VERDICT_DOWN,  /* nobody answers */
};

struct pam_service {
	char name[64];    /* letters, digits, - and _ */
	char folder[256]; /* where its file lies; empty: the system's */
};

/* Authenticates and looks whether the account may be used. The password is given once, to
 * a question that is not echoed; a service that asks for more gets nothing, which is NO.
 * Delays that modules wish for are not waited: guesses are slowed down elsewhere. `why`
 * says more, in PAM's words. */
enum pam_verdict pam_check(const struct pam_service *service, const char *user,
			   const char *password, struct buf *why);

#endif
