/* SPDX-License-Identifier: Apache-2.0 */
/* What the directory of the configuration says of an address: read by the tool itself, as
 * the role directory would answer. */
#ifndef IMS_CTL_LOOKUP_H
#define IMS_CTL_LOOKUP_H

#include "ctl/ctl.h"
#include "lib/policy/facts.h"

struct lookup {
	struct owner owner;
	char address[1024], home[256]; /* what `owner` points to */
	char why[256];                 /* ANSWER_CANNOT_TELL: a sentence */
};

/* Asks the directory of that name. */
void lookup_ask(const struct conf *conf, struct str directory, struct str address,
		struct lookup *out);

#endif
