/* SPDX-License-Identifier: Apache-2.0 */
/* A domain or a route for which nothing is tried, because an administrator says so: until
 * he says otherwise, or until a time. The spool keeps each as a note (spool/store.h): the
 * key says what, the value since when, until when and why. Pure. */
#ifndef IMS_QUEUE_SUSPEND_H
#define IMS_QUEUE_SUSPEND_H

#include "lib/base/buf.h"
#include "lib/conf/conf.h"

enum {
	SUSPEND_NAME_MAX = 255, /* octets */
	SUSPEND_KEY_MAX = 320,
	SUSPEND_VALUE_MAX = 512,
};

enum suspend_kind { SUSPEND_DOMAIN, SUSPEND_ROUTE, SUSPEND_KINDS };

struct suspension {
	enum suspend_kind kind;
	struct str name; /* of a domain in any case of letters, or of a route */
	int64_t since_ms, until_ms; /* until_ms 0: no end */
	struct str reason;
};

#define SUSPEND_PREFIX STR("suspend/") /* of all keys */

const char *suspend_kind_name(enum suspend_kind kind); /* "domain" "route" */
/* "domain D" or "route R", and nothing else; views into `text`. False, with a sentence in
 * `why`, if it is none. */
bool suspend_parse(struct str text, enum suspend_kind *kind, struct str *name,
		   struct buf *why);

/* Any domain may be suspended, and routes that there are: of the configuration, "mailbox"
 * and "lmtp". */
bool suspend_may(const struct conf *conf, enum suspend_kind kind, struct str name);

/* "suspend/domain/D" in lower case, "suspend/route/R". */
void suspend_key_write(struct buf *out, enum suspend_kind kind, struct str name);
void suspend_value_write(struct buf *out, const struct suspension *s);
/* From key and value of a note; views into them. False: it is none, or damaged. */
bool suspend_read(struct str key, struct str value, struct suspension *out);

#endif
