/* SPDX-License-Identifier: Apache-2.0 */
/* What a reply says of how much is sent: hosts tell it in words of their own. The table has
 * those of large providers and of the servers in use. Only replies that put off (4xx) are
 * meant, and none that is about one recipient, or that puts everybody off once
 * (greylisting). Pure. */
#ifndef IMS_QUEUE_HINT_H
#define IMS_QUEUE_HINT_H

#include "lib/base/str.h"

enum hint {
	HINT_NONE,
	HINT_CROWD,   /* too many connections */
	HINT_RATE,    /* too much in a time */
	HINT_ADDRESS, /* nothing is taken from our address for a while */
	HINT_SLOW,    /* it says nothing, and takes longer than it did */
};

/* `reply`: code, enhanced code if there is one, text; "421 4.7.0 slow down". */
enum hint hint_read(struct str reply);
/* "too many connections" … for people. */
struct str hint_words(enum hint hint);

#endif
