/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/letter.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct writer {
	int fd, error;
	bool cr; /* a CR was read; what it is shows with the next octet */
	size_t len;
	char chunk[LETTER_CHUNK];
};

static void flush(struct writer *w)
{
	for (size_t at = 0; at < w->len && !w->error;) {
		ssize_t n = write(w->fd, w->chunk + at, w->len - at);
		if (n >= 0) at += (size_t)n;
		else if (errno != EINTR) w->error = -errno;
	}
	w->len = 0;
}

static void put(struct writer *w, struct str s)
{
	while (s.len) {
		size_t n = sizeof w->chunk - w->len;
		if (n > s.len) n = s.len;
		memcpy(w->chunk + w->len, s.at, n);
		w->len += n;
		s = str_from(s, n);
		if (w->len == sizeof w->chunk) flush(w);
	}
}

/* CRLF becomes LF; a CR that stands alone stays. */
static void put_body(struct writer *w, struct str s)
{
	if (w->cr && s.len) {
		if (s.at[0] != '\n') put(w, STR("\r"));
		w->cr = false;
	}
	while (s.len && !w->error) {
		const char *cr = memchr(s.at, '\r', s.len);
		size_t n = cr ? (size_t)(cr - s.at) : s.len;
		put(w, str_sub(s, 0, n));
		if (!cr) return;
		s = str_from(s, n + 1);
		if (s.len == 0) w->cr = true;
		else if (s.at[0] != '\n') put(w, STR("\r"));
	}
}

/* An address with a line end in it must not become two header fields, whoever let it in.
 */
static void put_address(struct writer *w, struct str address)
{
	for (size_t i = 0; i < address.len; i++)
		put(w, ascii_is_ctl(address.at[i]) ? STR("?") : str_sub(address, i, 1));
}

static void put_header(struct writer *w, const struct letter *letter)
{
	put(w, STR("Return-Path: <"));
	put_address(w, letter->sender);
	put(w, STR(">\nDelivered-To: "));
	put_address(w, letter->recipient);
	if (letter->original.len && !str_eq(letter->original, letter->recipient)) {
		put(w, STR("\nX-Original-To: "));
		put_address(w, letter->original);
	}
	put(w, STR("\n"));
}

static void put_file(struct writer *w, int fd, uint64_t size)
{
	char chunk[LETTER_CHUNK];
	for (uint64_t at = 0; at < size && !w->error;) {
		size_t want =
			size - at < sizeof chunk ? (size_t)(size - at) : sizeof chunk;
		ssize_t n = pread(fd, chunk, want, (off_t)at);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) {
			w->error = n < 0 ? -errno : -ENODATA;
			return;
		}
		put_body(w, (struct str){ chunk, (size_t)n });
		at += (uint64_t)n;
	}
}

int letter_write(int fd, const struct letter *letter)
{
	struct writer w;
	w.fd = fd;
	w.error = 0;
	w.cr = false;
	w.len = 0;
	put_header(&w, letter);
	if (letter->fd >= 0) put_file(&w, letter->fd, letter->size);
	for (size_t i = 0; letter->fd < 0 && i < letter->piece_count; i++)
		put_body(&w, letter->pieces[i]);
	if (w.cr) put(&w, STR("\r"));
	if (!w.error) flush(&w);
	return w.error;
}
