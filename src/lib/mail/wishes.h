/* SPDX-License-Identifier: Apache-2.0 */
/* What the header of a message wants of those who carry it: how urgent it is (Priority and
 * Importance of RFC 4021, X-Priority, X-MSMail-Priority, Precedence), whether TLS may be done
 * without (TLS-Required, RFC 8689 3), and whether it was sent to many or by a program
 * (Precedence, List-Id of RFC 2919, Auto-Submitted of RFC 3834).
 * Reads the text while it comes in, in pieces of any size; each field is seen once. Pure. */
#ifndef IMS_MAIL_WISHES_H
#define IMS_MAIL_WISHES_H

#include "lib/base/str.h"
#include "lib/mail/envelope.h"

struct mail_wishes {
	bool tls_optional;
	bool bulk;
	uint8_t priority; /* enum mail_priority; what no field says is normal */

	/* The reader's own. */
	bool ended;
	uint8_t state, rank; /* rank: of the field that `priority` is from; the lowest wins */
	uint8_t name_len, word_len;
	char name[20];       /* of the field; a longer one is nothing to us */
	char word[20];       /* the first word of its value */
};

void mail_wishes_init(struct mail_wishes *w);
/* The next piece of the text, with newlines as they are in the message. */
void mail_wishes_feed(struct mail_wishes *w, struct str piece);
/* The text is over, perhaps in the middle of the header. */
void mail_wishes_end(struct mail_wishes *w);

#endif
