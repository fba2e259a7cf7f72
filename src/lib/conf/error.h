/* SPDX-License-Identifier: Apache-2.0 */
/* How the parser reports. */
#ifndef IMS_CONF_ERROR_H
#define IMS_CONF_ERROR_H

#include "lib/conf/conf.h"
#include "lib/conf/lexer.h"

/* A word as a sentence shows it: without control characters, cut if it is long. */
struct conf_quote {
	char text[256];
};

const char *conf_quote(struct conf_quote *quote, struct str s);

/* "FILE:LINE", or "default" and the like. */
const char *conf_where(struct conf_quote *quote, const struct conf_origin *origin);

/* Where: a token of `text`, which is the text of `file`. */
struct conf_place {
	struct str file, text;
	struct conf_token token;
};

void conf_report(struct conf_errors *errors, enum conf_severity severity,
		 const struct conf_place *place, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Where: the line of `origin`, found again in the bundle, with `mark` underlined (the
 * first word, if the line does not hold it). */
void conf_report_at(struct conf_errors *errors, enum conf_severity severity,
		    const struct conf_bundle *bundle, const struct conf_origin *origin,
		    struct str mark, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
/* Where: a whole file, or nowhere in particular. */
void conf_report_file(struct conf_errors *errors, struct str file, const char *format,
		      ...) __attribute__((format(printf, 3, 4)));

#endif
