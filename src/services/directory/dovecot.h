/* SPDX-License-Identifier: Apache-2.0 */
/* Users and passwords as Dovecot knows them, asked by its own sockets: auth-userdb says
 * whether there is such a user, auth-client whether a password is right. Every call takes
 * as long as the timeout at most. */
#ifndef IMS_DIRECTORY_DOVECOT_H
#define IMS_DIRECTORY_DOVECOT_H

#include "services/directory/backend.h"

extern const struct backend backend_dovecot;        /* with both sockets */
extern const struct backend backend_dovecot_userdb; /* with auth-userdb alone */
extern const struct backend backend_dovecot_auth;   /* with auth-client alone: unlistable */

#endif
