/* SPDX-License-Identifier: Apache-2.0 */
/* A builder of bytes with a sticky error: write straight through, test once.
 * A buffer grows by doubling up to `max`; a write that does not fit whole is not
 * made and sets `overflowed`, and so does one for which memory is refused. */
#ifndef IMS_BASE_BUF_H
#define IMS_BASE_BUF_H

#include "lib/base/str.h"

struct buf {
	char *at;
	size_t len;
	size_t cap;
	size_t max;
	bool fixed; /* `at` belongs to the caller */
	bool overflowed;
};

/* Heap buffer: takes no memory until the first write; free with buf_free. */
void buf_init(struct buf *b, size_t max);
/* Buffer over the caller's memory; never grows. */
void buf_init_fixed(struct buf *b, char *memory, size_t size);
void buf_free(struct buf *b);
/* The same, and nothing of what it held is left in memory. */
void buf_wipe(struct buf *b);
/* Empties it and forgets the error; keeps the memory. */
void buf_reset(struct buf *b);
struct str buf_view(const struct buf *b);
/* Drops the first `n` bytes (n <= len). */
void buf_consume(struct buf *b, size_t n);
/* Room for `n` more bytes to write into directly, or NULL (then overflowed);
 * buf_added says how many were written. */
char *buf_room(struct buf *b, size_t n);
void buf_added(struct buf *b, size_t n);

void buf_byte(struct buf *b, char c);
void buf_bytes(struct buf *b, const void *at, size_t len);
void buf_str(struct buf *b, struct str s);
void buf_crlf(struct buf *b);
void buf_u64(struct buf *b, uint64_t value); /* decimal */
void buf_i64(struct buf *b, int64_t value);
void buf_hex64(struct buf *b, uint64_t value); /* 16 lower-case digits */
void buf_hex8(struct buf *b, unsigned char value); /* two digits, A to F in upper case */
/* For a URL or the body of a form: %XX but for letters, digits and - . _ ~ */
void buf_form(struct buf *b, struct str s);
void buf_fmt(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text for a log line or a terminal: control characters, quote and backslash as
 * \xNN, so that one value stays on one line and inside its quotes. */
void buf_escaped(struct buf *b, struct str s);

/* Little-endian fields for records between our own processes and in the spool. */
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_str(struct buf *b, struct str s); /* u32 length, bytes */

#endif
