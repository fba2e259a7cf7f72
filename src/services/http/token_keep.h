/* SPDX-License-Identifier: Apache-2.0 */
/* Refresh tokens that came in place of those of the configuration, in a folder; and files of
 * authorities. Errors are -errno. */
#ifndef IMS_HTTP_TOKEN_KEEP_H
#define IMS_HTTP_TOKEN_KEEP_H

#include "lib/base/buf.h"

/* `fresh` has come in the succession of `given`, the secret of the block `name`. */
int token_keep_write(int folder, struct str name, struct str given, struct str fresh);
/* Puts what was kept for this secret into `out`; which stays as it is where there is nothing,
 * or it is of another secret. */
void token_keep_read(int folder, struct str name, struct str given, struct buf *out);
int token_ca_read(struct str path, struct buf *out);

#endif
