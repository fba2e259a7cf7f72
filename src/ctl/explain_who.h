/* SPDX-License-Identifier: Apache-2.0 */
/* A client, a sender and a recipient as the stages of policy see them. */
#ifndef IMS_CTL_EXPLAIN_WHO_H
#define IMS_CTL_EXPLAIN_WHO_H

#include "ctl/lookup.h"
#include "lib/smtp/address.h"

struct who_stage {
	const char *name;
	struct verdict verdict;
};

enum { WHO_STAGES_MAX = 6, WHO_ADDRESS_MAX = 1024 };

struct who {
	const struct ctl *ctl;
	struct facts facts;
	struct ip client;
	const char *helo; /* NULL: not given */
	struct str to;    /* empty: not asked about */
	struct lookup sender, recipient;
	/* In their order; the last is the one that decides. */
	struct who_stage stages[WHO_STAGES_MAX];
	size_t count;
	char from_text[WHO_ADDRESS_MAX], to_text[WHO_ADDRESS_MAX], local[WHO_ADDRESS_MAX];
};

/* explain_show.c */
int who_text(const struct who *w);
int who_json(const struct who *w);

#endif
