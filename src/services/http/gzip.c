/* SPDX-License-Identifier: Apache-2.0 */
#include "services/http/gzip.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

enum { LEVEL = 6, WINDOW_BITS = 15, GZIP = 16, MEMORY = 8 };

bool gzip_write(struct buf *out, struct str text)
{
	z_stream z;
	memset(&z, 0, sizeof z);
	if (text.len > INT_MAX ||
	    deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_BITS + GZIP, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	size_t room = deflateBound(&z, (uLong)text.len);
	char *to = room <= INT_MAX ? buf_room(out, room) : NULL;
	bool good = false;
	if (to) {
		z.next_in = (z_const Bytef *)(uintptr_t)text.at;
		z.avail_in = (uInt)text.len;
		z.next_out = (Bytef *)to;
		z.avail_out = (uInt)room;
		good = deflate(&z, Z_FINISH) == Z_STREAM_END;
		if (good) buf_added(out, room - z.avail_out);
	}
	(void)deflateEnd(&z);
	return good;
}
