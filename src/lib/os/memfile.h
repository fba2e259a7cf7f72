/* SPDX-License-Identifier: Apache-2.0 */
/* A text that one process hands to another as a descriptor: a sealed memfd, which nobody
 * can change or cut any more. */
#ifndef IMS_OS_MEMFILE_H
#define IMS_OS_MEMFILE_H

#include "lib/base/str.h"

/* A new one with these bytes, or -errno. */
int memfile_write(const char *name, struct str bytes);
/* Maps it for reading; false when it is not a sealed one of 1 to `max` bytes. The
 * descriptor stays the caller's. */
bool memfile_map(int fd, size_t max, struct str *out);
void memfile_unmap(struct str mapped);

#endif
