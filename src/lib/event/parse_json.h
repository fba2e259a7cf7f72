/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one flat JSON object (RFC 8259), as the log writes it: values are strings,
 * numbers, true, false and null; an array or object inside is bad. Pure. */
#ifndef IMS_EVENT_PARSE_JSON_H
#define IMS_EVENT_PARSE_JSON_H

#include "lib/base/buf.h"

struct json_reader {
	struct str rest;
	struct buf
		*scratch; /* texts that had escapes; must have room for the whole line */
	bool begun;
	bool complete; /* the object ended and nothing but blanks came after it */
};

struct json_reader json_reader_of(struct str line, struct buf *scratch);
/* The next member; numbers and words as they stand. False at the end (then `complete`)
 * or at an error (then not). */
bool json_reader_next(struct json_reader *r, struct str *key, struct str *text);

#endif
