/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that the configuration names, read before rights are given up. */
#ifndef IMS_DIRECTORY_FILES_H
#define IMS_DIRECTORY_FILES_H

#include "lib/base/buf.h"

/* The bytes of a regular file, up to the buffer's bound. 0 or -errno (-EFBIG, -EINVAL). */
int file_read(struct str path, struct buf *out);

#endif
