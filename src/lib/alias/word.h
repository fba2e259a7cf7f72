/* SPDX-License-Identifier: Apache-2.0 */
/* The words of an alias file. Pure; results point into the input. */
#ifndef IMS_ALIAS_WORD_H
#define IMS_ALIAS_WORD_H

#include "lib/base/buf.h"

enum alias_name {
	ALIAS_NAME_OK,
	ALIAS_NAME_NO_COLON,
	ALIAS_NAME_BAD, /* not a name, or not whole */
};

/* The name at the head of a line, appended as smtp_path_write has it; in `*rest` what
 * follows its colon. */
enum alias_name alias_name_read(struct str line, struct buf *name, struct str *rest);

/* The next of the words between commas, without blanks around it; false at the end. In
 * quotes (`*quoted`: all of it is) and in angle brackets a comma is part of the word. */
bool alias_word_next(struct str *rest, struct str *word, bool *quoted);

/* Appends "local@domain", or the local part alone, of an address, which may stand in angle
 * brackets behind a person's name. False: it is not one. */
bool alias_address_read(struct str word, struct buf *address);

#endif
