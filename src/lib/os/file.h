/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, whole: they are read and written at once, by the thread that asks. All return
 * 0 or -errno. */
#ifndef IMS_OS_FILE_H
#define IMS_OS_FILE_H

#include "lib/base/buf.h"

int file_write_all(int fd, struct str bytes);
/* Up to the buffer's bound, less one piece of 4096 octets; -EFBIG: there is more. */
int file_read_all(int fd, struct buf *out);
/* A regular file that the configuration names; -EINVAL: it is another thing. */
int file_read(struct str path, struct buf *out);

/* What is on the disk when file_replace has returned; else the system writes it when it likes. */
enum file_sync {
	FILE_LATER,
	FILE_OCTETS, /* what is in the file */
	FILE_WHOLE,  /* that, and its name */
};

/* The file `name` of a folder (or -errno of opening that) holds the bytes, or what it did
 * before: they are written to `fresh` beside it, which then takes its name. Mode 0600. */
int file_replace(int folder, const char *name, const char *fresh, struct str bytes,
		 enum file_sync sync);

#endif
