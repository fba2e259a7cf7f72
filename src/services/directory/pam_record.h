/* SPDX-License-Identifier: Apache-2.0 */
/* What the role and its PAM helper say to each other: records of fixed size. */
#ifndef IMS_DIRECTORY_PAM_RECORD_H
#define IMS_DIRECTORY_PAM_RECORD_H

#include <sys/types.h>

#include "services/directory/pam_helper.h"

/* Both end with NUL, and have it nowhere else. With it comes the descriptor on which the
 * answer is waited for. */
struct pam_request {
	char user[PAM_USER_MAX + 1];
	char password[PAM_PASSWORD_MAX + 1];
};

struct pam_reply {
	uint8_t verdict, why_len;
	char why[PAM_WHY_MAX];
};

/* False: empty, too long, or with a NUL. `r` is all zero before. */
bool pam_request_set(struct pam_request *r, struct str user, struct str password);
/* 0 or -errno; -EAGAIN: try again when `fd` is writable. */
int pam_request_send(int fd, const struct pam_request *r, int asker);
/* 1; 0: the other end is closed; -errno (-EPROTO: not a record, and dropped). */
int pam_request_receive(int fd, struct pam_request *r, int *asker);

#endif
