/* SPDX-License-Identifier: Apache-2.0 */
/* What the directories and alias files of the configuration say of an address: read by the
 * tool itself, by the code by which the role directory answers. */
#ifndef IMS_CTL_LOOKUP_H
#define IMS_CTL_LOOKUP_H

#include "ctl/ctl.h"
#include "lib/policy/facts.h"

struct lookup {
	struct owner owner;
	char address[1024], home[256]; /* what `owner` points to */
	char why[256];                 /* ANSWER_CANNOT_TELL: a sentence */
	enum stands_for stands_for;
	char rule[512];     /* where the first alias stands; empty: none */
	struct buf targets; /* of a recipient: one a line, + if a directory has it, else - */
	struct buf faults;  /* what is wrong with aliases: sentences, one a line */
};

enum lookup_what { LOOKUP_RECIPIENT, LOOKUP_OWNER };

/* Asks the directory of that name, and for addresses that may stand for others the alias
 * files, too. `out` ends with lookup_free. */
void lookup_ask(const struct conf *conf, struct str directory, struct str address,
		enum lookup_what what, struct lookup *out);
void lookup_free(struct lookup *out);

#endif
