/* SPDX-License-Identifier: Apache-2.0 */
/* A message as it stands in a Maildir: Return-Path, Delivered-To and, where the client
 * named another address, X-Original-To; then the message as received, with the LF line
 * ends of that convention instead of CRLF. */
#ifndef IMS_MAILBOX_LETTER_H
#define IMS_MAILBOX_LETTER_H

#include "lib/base/buf.h"

enum { LETTER_CHUNK = 64 * 1024 };

struct letter {
	struct str sender;    /* empty for the null sender */
	struct str recipient; /* address of the mailbox */
	struct str original;  /* address that the client gave */
	/* The body: `size` octets of a file, or pieces in memory. */
	int fd; /* -1: pieces; read with pread from the start */
	uint64_t size;
	const struct str *pieces;
	size_t piece_count;
};

/* Writes it to `fd`. 0 or a negative errno; -ENODATA: the body is shorter than `size`. */
int letter_write(int fd, const struct letter *letter);

#endif
